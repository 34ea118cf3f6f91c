// Losses of forecasts, and their gradients. NaN in a target is no target.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

// Not std's overloads: an inline function of the library could be shared among the variants.
INLINE float exponential(float x) { return expf(x); }
INLINE double exponential(double x) { return exp(x); }
INLINE float log_one_plus(float x) { return log1pf(x); }
INLINE double log_one_plus(double x) { return log1p(x); }

struct SquaredError {
  static INLINE Real value(Real d) { return d * d; }
  static INLINE Real slope(Real d) { return 2 * d; }
};

struct AbsoluteError {
  static INLINE Real value(Real d) { return d < 0 ? -d : d; }
  static INLINE Real slope(Real d) { return d > 0 ? 1 : d < 0 ? -1 : d; }
};

struct HuberError {
  static INLINE Real value(Real d) {
    const Real size = d < 0 ? -d : d;
    return size < 1 ? d * d / 2 : size - Real(0.5);
  }
  static INLINE Real slope(Real d) { return d > 1 ? 1 : d < -1 ? -1 : d; }
};

// Replaces forecasts by `scale` times the loss's slope by them; returns the loss, summed.
template <class Error>
inline Real differentiate_row(int n, const Real* target, Real scale, Real* forecast) {
  Real total = 0;
  for (int j = 0; j < n; j++) {
    const bool known = target[j] == target[j];
    const Real d = known ? forecast[j] - target[j] : 0;
    total += Error::value(d);
    forecast[j] = Error::slope(d) * scale;
  }
  return total;
}

inline Real differentiate_row(Loss loss, int n, const Real* target, Real scale, Real* forecast) {
  switch (loss) {
    case Loss::absolute: return differentiate_row<AbsoluteError>(n, target, scale, forecast);
    case Loss::huber: return differentiate_row<HuberError>(n, target, scale, forecast);
    default: return differentiate_row<SquaredError>(n, target, scale, forecast);
  }
}

// Quantiles that cannot cross: the median is an output of the head, the others are positive steps
// (softplus) away from their neighbour. The loss is the pinball loss, averaged over the levels.
struct Quantiles {
  int levels, median;
  const Real* level;

  static Real softplus(Real a) { return a > 20 ? a : log_one_plus(exponential(a)); }
  static Real slope(Real a) { return a > 20 ? 1 : 1 / (1 + exponential(-a)); }

  // Replaces the head's outputs for one target by the scaled slopes by them; returns the loss.
  // `quantile` has room for the levels.
  Real differentiate(Real target, Real scale, Real* a, Real* quantile) const {
    if (!(target == target)) {
      for (int k = 0; k < levels; k++) a[k] = 0;
      return 0;
    }
    quantile[median] = a[median];
    for (int k = median + 1; k < levels; k++) quantile[k] = quantile[k - 1] + softplus(a[k]);
    for (int k = median - 1; k >= 0; k--) quantile[k] = quantile[k + 1] - softplus(a[k]);
    Real total = 0, all = 0;
    for (int k = 0; k < levels; k++) {
      const Real error = target - quantile[k], q = level[k];
      total += error > 0 ? q * error : (q - 1) * error;
      // At the kink both sides count half, as in torch.
      quantile[k] = error > 0 ? -q : error < 0 ? 1 - q : error == 0 ? Real(0.5) - q : error;
      quantile[k] *= scale / levels;
      all += quantile[k];
    }
    Real above = 0, below = 0;
    for (int k = levels - 1; k > median; k--) a[k] = (above += quantile[k]) * slope(a[k]);
    for (int k = 0; k < median; k++) a[k] = -(below += quantile[k]) * slope(a[k]);
    a[median] = all;
    return total / levels;
  }
};

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
