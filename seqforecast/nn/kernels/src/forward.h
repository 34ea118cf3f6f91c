// One tile of windows forward through one layer: all steps, a panel of gates at a time.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

// Windows that pass through a layer together, and where their values lie: step by step, in each
// step row by row. h and c begin with the state before the first step; where no backward pass
// follows (gates is null) they are rings of two steps.
struct Tile {
  int rows, window;
  const Real* x;
  size_t x_stride;
  bool initial;  // whether the first state is anything but zero
  Real *h, *c, *gates;

  bool keeps() const { return gates != nullptr; }
  size_t state(int t, size_t padded) const {
    return (size_t)(keeps() ? t : t % 2) * rows * padded;
  }
};

template <class C, int N, bool Keep>
struct ForwardPanel {
  const Real *bias, *x_weights, *h_weights, *x, *h_before;
  size_t x_stride, stride;
  int inputs, hidden;                  // depths of the products; hidden is 0 for a zero state
  const Real *c_from, *h_from;         // former states of the panel's units
  Real *gates, *c_to, *h_to;

  template <int M>
  NOINLINE void run(int first) const {
    Vec acc[M][N];
    UNROLL for (int j = 0; j < N; j++) {
      Vec b = load(bias + j * lanes);
      UNROLL for (int m = 0; m < M; m++) acc[m][j] = b;
    }
    if constexpr (C::gated) prefetch<M>(first);
    constexpr int XN = columns(true), HN = columns(false);
    multiply_add<M, XN, 0>(acc, x + first * x_stride, x_stride, 1, inputs, x_weights, XN * lanes);
    multiply_add<M, HN, N - HN>(acc, h_before + first * stride, stride, 1, hidden, h_weights,
                                HN * lanes);
    UNROLL for (int m = 0; m < M; m++) {
      size_t at = (first + m) * stride;
      if constexpr (C::gated) {
        C::template activate<Keep>(acc[m], c_from + at, h_from + at,
                                   gates + (size_t)(first + m) * 4 * lanes, c_to + at, h_to + at);
      } else {
        UNROLL for (int j = 0; j < N; j++) store(h_to + at + j * lanes, C::activate(acc[m][j]));
      }
    }
  }

  static constexpr int columns(bool of_x) {
    if constexpr (C::gated) return of_x ? C::x_columns : C::h_columns;
    return N;
  }

  // The lines that the end of the block writes to are fetched while the products run.
  template <int M>
  INLINE void prefetch(int first) const {
    for (int m = 0; m < M; m++) {
      size_t at = (first + m) * stride;
      if constexpr (Keep)
        for (int l = 0; l < 4 * lanes; l += 64 / (int)sizeof(Real))
          __builtin_prefetch(gates + (size_t)(first + m) * 4 * lanes + l, 1, 3);
      __builtin_prefetch(h_to + at, 1, 3);
      if constexpr (C::has_memory) __builtin_prefetch(c_to + at, 1, 3);
    }
  }
};

template <class C, bool Keep, class AfterStep>
void forward_steps(const Layout<C>& layout, const Real* packed, const Tile& tile,
                   const AfterStep& after_step) {
  const size_t padded = layout.padded;
  for (int t = 0; t < tile.window; t++) {
    const size_t from = tile.state(t, padded), to = tile.state(t + 1, padded);
    for (int p = 0; p < layout.panels; p++) {
      const int unit = layout.unit(p);
      with_vectors(layout.vectors(p), [&](auto n) {
        constexpr int N = C::gated ? 4 : decltype(n)::value;
        ForwardPanel<C, N, Keep> panel{
            packed + p * layout.panel_size(),
            packed + layout.x_rows(p),
            packed + layout.h_rows(p),
            tile.x + (size_t)t * tile.rows * tile.x_stride,
            tile.h + from,
            tile.x_stride,
            padded,
            layout.inputs,
            t > 0 || tile.initial ? layout.hidden : 0,
            tile.c + from + unit,
            tile.h + from + unit,
            Keep ? tile.gates + ((size_t)t * layout.panels + p) * tile.rows * 4 * lanes : nullptr,
            tile.c + to + unit,
            tile.h + to + unit};
        for_row_blocks<block_rows(N)>(tile.rows, panel);
      });
    }
    after_step(t, tile.h + to);
  }
}

// after_step(t, h) is called when the states of step t stand at h, in padded rows.
template <class C, class AfterStep>
void forward_tile(const Layout<C>& layout, const Real* packed, const Tile& tile,
                  const AfterStep& after_step) {
  if (tile.keeps())
    forward_steps<C, true>(layout, packed, tile, after_step);
  else
    forward_steps<C, false>(layout, packed, tile, after_step);
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
