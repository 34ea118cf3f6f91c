// 16 lanes, 32 registers: Intel from Skylake-X on, AMD from Zen 4 on.
#include "instruction_sets.h"
#if SEQFORECAST_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif
#define SEQFORECAST_VARIANT avx512
#define SEQFORECAST_NAME "avx512"
#define SEQFORECAST_ISA SEQFORECAST_AVX512
#define SEQFORECAST_REAL float
#define SEQFORECAST_LANES 16
#include "variant.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
