// The step of the parameters: gradient norm, clipping, Adam.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

INLINE float square_root(float x) { return __builtin_sqrtf(x); }
INLINE double square_root(double x) { return __builtin_sqrt(x); }

// Euclidean norm; infinite where its square is beyond the range of Real, as torch computes it.
inline double norm_of(const Real* values, size_t n) {
  constexpr int strands = 16;  // independent sums, which the compiler turns into vectors
  double total[strands] = {};
  size_t i = 0;
  for (; i + strands <= n; i += strands)
    for (int j = 0; j < strands; j++) total[j] += double(values[i + j]) * values[i + j];
  for (; i < n; i++) total[0] += double(values[i]) * values[i];
  double all = 0;
  for (int j = 0; j < strands; j++) all += total[j];
  return square_root((Real)all - (Real)all == 0 ? all : (double)(Real)all);
}

// D. P. Kingma, J. Ba, Adam, ICLR 2015; with decoupled decay: I. Loshchilov, F. Hutter, ICLR 2019.
// The gradient is scaled first, in place. Rounding follows torch's fused implementation.
template <bool Decoupled>
inline void adam(const Update<Real>& u, double scale_by) {
  const Real scale = (Real)scale_by, beta1 = (Real)u.beta1, beta2 = (Real)u.beta2;
  const Real rest1 = (Real)(1 - u.beta1), rest2 = (Real)(1 - u.beta2), eps = (Real)u.eps;
  const Real lr = (Real)u.lr, rate = (Real)(u.lr / (1 - pow(u.beta1, (double)u.step)));
  const Real root = (Real)(1 / square_root(1 - pow(u.beta2, (double)u.step)));
  // Local names tell the compiler that nothing else changes what they point to.
  Real *__restrict parameter = u.parameters, *__restrict gradient = u.gradient;
  Real *__restrict mean = u.mean, *__restrict square = u.square;
  auto run = [&](auto decay_at) {
    for (size_t i = 0; i < u.size; i++) {
      const Real decay = decay_at(i);
      Real g = gradient[i] * scale, p = parameter[i];
      gradient[i] = g;
      if (Decoupled) p -= lr * decay * p;
      else g += decay * p;
      const Real m = beta1 * mean[i] + rest1 * g, v = beta2 * square[i] + rest2 * (g * g);
      mean[i] = m;
      square[i] = v;
      parameter[i] = p - rate * m / (square_root(v) * root + eps);
    }
  };
  const Real* decay = u.decay;
  if (decay) run([=](size_t i) { return decay[i]; });
  else run([](size_t) { return Real(0); });
}

inline void update(Update<Real>& u) {
  u.norm = norm_of(u.gradient, u.size);
  u.skipped = !(u.norm - u.norm == 0);
  if (u.skipped) return;
  const double scale = u.max_norm > 0 && u.norm > u.max_norm ? u.max_norm / u.norm : 1;
  if (u.decoupled) adam<true>(u, scale);
  else adam<false>(u, scale);
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
