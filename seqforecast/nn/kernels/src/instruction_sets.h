// Names of the instruction sets, and the headers that must come before one is chosen.
#pragma once
#define SEQFORECAST_PLAIN 0
#define SEQFORECAST_AVX2 1
#define SEQFORECAST_AVX512 2
#define SEQFORECAST_FLOAT64 3

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#define SEQFORECAST_X86 1
#endif
