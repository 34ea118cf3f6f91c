// Vectors of one instruction set, and the activation functions on them.
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define ROLL _Pragma("clang loop unroll(disable)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define ROLL _Pragma("GCC unroll 1")
#endif

namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

using Real = SEQFORECAST_REAL;
constexpr int lanes = SEQFORECAST_LANES;

// Unaligned: a row of any length may start anywhere.
typedef Real Vec
    __attribute__((vector_size(lanes * sizeof(Real)), aligned(sizeof(Real)), may_alias));

INLINE Vec load(const Real* from) { return *(const Vec*)from; }
INLINE void store(Real* to, Vec v) { *(Vec*)to = v; }

#if SEQFORECAST_ISA == SEQFORECAST_AVX512
// Written out, `Vec{} + a` becomes a scalar addition on the port of the products.
INLINE Vec broadcast(Real a) { return (Vec)_mm512_set1_ps(a); }
// The second operand is what x86 returns where one is NaN: NaN passes through.
INLINE Vec at_most(Vec v, Real limit) {
  return (Vec)_mm512_min_ps(_mm512_set1_ps(limit), (__m512)v);
}
INLINE Vec at_least(Vec v, Real limit) {
  return (Vec)_mm512_max_ps(_mm512_set1_ps(limit), (__m512)v);
}
// 14 bits, and one step of Newton's method.
INLINE Vec reciprocal(Vec d) {
  Vec r = (Vec)_mm512_rcp14_ps((__m512)d);
  return r * (broadcast(2) - d * r);
}
#elif SEQFORECAST_ISA == SEQFORECAST_AVX2
INLINE Vec broadcast(Real a) { return (Vec)_mm256_set1_ps(a); }
INLINE Vec at_most(Vec v, Real limit) {
  return (Vec)_mm256_min_ps(_mm256_set1_ps(limit), (__m256)v);
}
INLINE Vec at_least(Vec v, Real limit) {
  return (Vec)_mm256_max_ps(_mm256_set1_ps(limit), (__m256)v);
}
INLINE Vec reciprocal(Vec d) { return broadcast(1) / d; }
#else
INLINE Vec broadcast(Real a) {
  Vec v;
  UNROLL for (int j = 0; j < lanes; j++) v[j] = a;
  return v;
}
INLINE Vec at_most(Vec v, Real limit) {
  Vec bound = broadcast(limit);
  return bound < v ? bound : v;
}
INLINE Vec at_least(Vec v, Real limit) {
  Vec bound = broadcast(limit);
  return bound > v ? bound : v;
}
INLINE Vec reciprocal(Vec d) { return broadcast(1) / d; }
#endif

INLINE Real sum(Vec v) {
  Real total = 0;
  for (int j = 0; j < lanes; j++) total += v[j];
  return total;
}

#if SEQFORECAST_ISA == SEQFORECAST_FLOAT64
// The reference precision is for checking derivatives: the library's functions, lane by lane.
INLINE Vec sigmoid(Vec x) {
  for (int j = 0; j < lanes; j++) x[j] = 1 / (1 + ::exp(-x[j]));
  return x;
}
INLINE Vec hyperbolic_tangent(Vec x) {
  for (int j = 0; j < lanes; j++) x[j] = ::tanh(x[j]);
  return x;
}
#else

// 2^f - 1 for |f| <= 1/2: the polynomial f p(f) of smallest relative error, 2.1e-8 with these
// coefficients in float32.
INLINE Vec power_less_one(Vec f) {
  Vec p = broadcast(1.54035122e-4f);
  p = p * f + broadcast(1.33907353e-3f);
  p = p * f + broadcast(9.61823761e-3f);
  p = p * f + broadcast(5.55035733e-2f);
  p = p * f + broadcast(2.40226492e-1f);
  p = p * f + broadcast(6.93147182e-1f);
  return p * f;
}

// 2^y as scale * (1 + rest), so that 2^y - 1 keeps its digits where y is small. The limits keep
// both finite and their reciprocals normal; NaN passes through.
struct Power {
  Vec scale, rest;
};

INLINE Power power(Vec y) {
#if SEQFORECAST_ISA == SEQFORECAST_AVX512
  y = at_most(y, 120);
  Vec f = (Vec)_mm512_reduce_ps((__m512)y, 0);  // y less the nearest integer, exactly
  return {(Vec)_mm512_scalef_ps(_mm512_set1_ps(1), (__m512)(y - f)), power_less_one(f)};
#else
  y = at_least(at_most(y, 120), -120);
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
  const Vec shift = broadcast(12582912.0f);
  Vec shifted = y + shift, f = y - (shifted - shift), scale;
  typedef int32_t Bits __attribute__((vector_size(sizeof(Vec))));
  Bits bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + (127 - 0x4B400000)) << 23;
  memcpy(&scale, &bits, sizeof scale);
  return {scale, power_less_one(f)};
#endif
}

constexpr float log2_e = 1.44269504f;

// Absolute error below 2e-7; relative error below 3e-7 (1 + |x|), as x is rounded once more.
INLINE Vec sigmoid(Vec x) {
  Power p = power(x * broadcast(-log2_e));
  return reciprocal(p.scale * p.rest + (p.scale + broadcast(1)));
}

// (e^2x - 1) / (e^2x + 1), which must not leave [-1, 1] by rounding. Relative error below 3e-7.
INLINE Vec hyperbolic_tangent(Vec x) {
  Power p = power(x * broadcast(2 * log2_e));
  Vec e = p.scale * p.rest + (p.scale - broadcast(1));
  return at_least(at_most(e * reciprocal(e + broadcast(2)), 1), -1);
}
#endif

INLINE Vec rectify(Vec x) { return at_least(x, 0); }

// The gradient where the rectified value is positive (or NaN), zero elsewhere.
INLINE Vec where_positive(Vec value, Vec gradient) {
  return value <= broadcast(0) ? broadcast(0) : gradient;
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
