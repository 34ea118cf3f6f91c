// 8 lanes, 16 registers: nearly every x86 processor since 2013.
#include "instruction_sets.h"
#if SEQFORECAST_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define SEQFORECAST_VARIANT avx2
#define SEQFORECAST_NAME "avx2"
#define SEQFORECAST_ISA SEQFORECAST_AVX2
#define SEQFORECAST_REAL float
#define SEQFORECAST_LANES 8
#include "variant.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
