// One tile of windows back through time through one layer.
//
// The gradients by the gates of some dozens of rows are kept in a ring; the gradients of the
// weights are taken from it block by block, while it is in cache.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

constexpr int ring_rows = 96;

inline int ring_steps(int rows, int window) {
  int steps = ring_rows / rows;
  steps = steps < window ? steps : window;
  return steps < 2 ? 2 : steps;
}

// Rows that the ring of a tile of at most `rows` windows needs; the last tile may have fewer.
inline size_t ring_capacity(int rows) { return 2 * rows > ring_rows ? 2 * rows : ring_rows; }

// What arrives at a tile and what leaves it. Rows of `hidden` or `inputs` values; no data: zero,
// or not wanted.
struct TileGradient {
  Sequence<const Real> output;
  const Real *h_last, *c_last;
  size_t state_stride;  // from one row of h_last and c_last to the next
  Sequence<Real> x;
  Real *h0, *c0;
  Real* weights;  // summed up, in the packed order
};

struct BackwardBuffers {
  Real *ring, *carry, *direct, *product;

  template <class C>
  static size_t size(const Layout<C>& layout, int rows) {
    return ring_size(layout, rows) + 2 * state_size(layout, rows) +
           aligned_size(ring_capacity(rows) * widest(layout));
  }

  template <class C>
  BackwardBuffers(const Layout<C>& layout, int rows, Real* memory)
      : ring(memory),
        carry(ring + ring_size(layout, rows)),
        direct(carry + state_size(layout, rows)),
        product(direct + state_size(layout, rows)) {}

 private:
  template <class C>
  static size_t ring_size(const Layout<C>& layout, int rows) {
    return layout.panels * ring_capacity(rows) * 4 * lanes;
  }
  template <class C>
  static size_t state_size(const Layout<C>& layout, int rows) {
    return aligned_size((size_t)rows * layout.padded);
  }
  template <class C>
  static size_t widest(const Layout<C>& layout) {
    int inputs = vectors_for(layout.inputs) * lanes;
    return inputs > layout.padded ? inputs : layout.padded;
  }
};

// Where a panel's gradients by the gates lie in the ring: rows of `width` values.
template <class C>
struct Ring {
  const Layout<C>& layout;
  Real* data;
  int rows, steps;

  int width(int p) const { return C::gated ? 4 * lanes : layout.vectors(p) * lanes; }
  size_t panel_stride() const { return (size_t)steps * rows * 4 * lanes; }
  Real* at(int p, int slot) const {
    return data + p * panel_stride() + (size_t)slot * rows * width(p);
  }
};

// acc += (gradients by the gates of some rows) x (transposed weights), over all panels.
// between(p) is called before each panel.
template <class C, int M, int N, class Between>
INLINE void multiply_panels(Vec (&acc)[M][N], const Ring<C>& ring, int slot, size_t row,
                            bool recurrent, const Real* weights, const Between& between) {
  for (int p = 0; p < ring.layout.panels; p++) {
    between(p);
    int columns = recurrent ? ring.layout.h_vectors(p) : ring.layout.x_vectors(p);
    size_t width = ring.width(p);
    const Real* a = ring.at(p, slot) + row * width + (recurrent ? ring.layout.h_offset() : 0);
    multiply_add<M, N, 0>(acc, a, width, 1, columns * lanes, weights, N * lanes);
    weights += (size_t)columns * lanes * N * lanes;
  }
}

// The gradient by the state of one step, for N vectors of units, and on to that step's gates.
template <class C, int N>
struct BackwardStep {
  const Ring<C>& ring;
  int next_slot;
  bool last;                         // no later step: nothing comes from the ring
  const Real *weights, *start;       // transposed; what arrives directly, or null
  size_t stride;
  const Real *gates, *c_before, *h, *h_before;
  Real *carry, *to;                  // to: gradients by this step's gates
  size_t gates_stride, to_stride;    // from one panel to the next
  size_t width;                      // of a row of `to`

  template <int M>
  NOINLINE void run(int first) const {
    Vec acc[M][N];
    UNROLL for (int m = 0; m < M; m++) UNROLL for (int j = 0; j < N; j++)
        acc[m][j] = start ? load(start + (first + m) * stride + j * lanes) : broadcast(0);
    // What the end of the block reads is fetched meanwhile, a share for every panel.
    auto fetch = [&](int p) {
      if constexpr (C::gated)
        for (int i = p; i < M * N; i += ring.layout.panels) prefetch(first + i / N, i % N);
    };
    if (!last) multiply_panels<C, M, N>(acc, ring, next_slot, first, true, weights, fetch);
    ROLL for (int m = 0; m < M; m++) ROLL for (int j = 0; j < N; j++) {
      size_t row = first + m, unit = row * stride + j * lanes;
      if constexpr (C::gated) {
        C::differentiate(acc[m][j], gates + j * gates_stride + row * 4 * lanes, c_before + unit,
                         h + unit, h_before + unit, carry + unit,
                         to + j * to_stride + row * width);
      } else {
        store(to + row * width + j * lanes, C::differentiate(acc[m][j], load(h + unit)));
      }
    }
  }

  INLINE void prefetch(size_t row, int j) const {
    const size_t unit = row * stride + j * lanes;
    for (int l = 0; l < 4 * lanes; l += 64 / (int)sizeof(Real))
      __builtin_prefetch(gates + j * gates_stride + row * 4 * lanes + l, 0, 3);
    __builtin_prefetch(h + unit, 0, 3);
    if constexpr (C::has_memory) __builtin_prefetch(c_before + unit, 0, 3);
  }
};

// The gradient by what came before the gates (state or input), written to rows of `stride`.
template <class C, int N>
struct BeforeGates {
  const Ring<C>& ring;
  int slot;
  bool recurrent;
  const Real* weights;
  Real* out;
  size_t stride;

  template <int M>
  NOINLINE void run(int first) const {
    Vec acc[M][N];
    UNROLL for (int m = 0; m < M; m++) UNROLL for (int j = 0; j < N; j++) acc[m][j] = broadcast(0);
    multiply_panels<C, M, N>(acc, ring, slot, first, recurrent, weights, [](int) {});
    UNROLL for (int m = 0; m < M; m++) UNROLL for (int j = 0; j < N; j++)
        store(out + (first + m) * stride + j * lanes, acc[m][j]);
  }
};

template <class C>
void before_gates(const Ring<C>& ring, int slot, int rows, bool recurrent, const Real* transposed,
                  Real* out) {
  int outputs = recurrent ? ring.layout.hidden : ring.layout.inputs;
  int blocks = vectors_for(outputs);
  const size_t depth = ring.layout.gate_lanes(recurrent);
  for (int first = 0; first < blocks; first += 4) {
    int vectors = blocks - first < 4 ? blocks - first : 4;
    with_vectors(vectors, [&](auto n) {
      constexpr int N = decltype(n)::value;
      for_row_blocks<block_rows(N)>(
          rows, BeforeGates<C, N>{ring, slot, recurrent, transposed + first * lanes * depth,
                                  out + first * lanes, (size_t)blocks * lanes});
    });
  }
}

inline void add_rows(int rows, int values, const Real* from, size_t from_stride, Real* to,
                     size_t to_stride) {
  for (int m = 0; m < rows; m++)
    for (int j = 0; j < values; j++) to[m * to_stride + j] += from[m * from_stride + j];
}

inline void copy_rows(int rows, int values, const Real* from, size_t from_stride, Real* to,
                      size_t to_stride) {
  for (int m = 0; m < rows; m++)
    memcpy(to + m * to_stride, from + m * from_stride, values * sizeof(Real));
}

template <class C>
void step_back(const Ring<C>& ring, const Tile& tile, const BackwardBuffers& buffers,
               const Real* transposed, int t, int slot, bool direct) {
  const Layout<C>& layout = ring.layout;
  const size_t padded = layout.padded, depth = layout.gate_lanes(true);
  const Real* start = C::carries ? buffers.carry : direct ? buffers.direct : nullptr;
  for (int first = 0; first < layout.blocks; first += 4) {
    int vectors = layout.blocks - first < 4 ? layout.blocks - first : 4;
    const int panel = C::gated ? first : first / 4;
    const size_t unit = (size_t)first * lanes;
    with_vectors(vectors, [&](auto n) {
      constexpr int N = decltype(n)::value;
      const size_t gates_stride = (size_t)tile.rows * 4 * lanes;
      const Real* h_before = tile.h + tile.state(t, padded) + unit;
      BackwardStep<C, N> step{
          ring,
          (slot + 1) % ring.steps,
          t == tile.window - 1,
          transposed + unit * depth,
          start ? start + unit : nullptr,
          padded,
          C::gated ? tile.gates + ((size_t)t * layout.panels + first) * gates_stride : nullptr,
          C::has_memory ? tile.c + tile.state(t, padded) + unit : h_before,
          tile.h + tile.state(t + 1, padded) + unit,
          h_before,
          buffers.carry + unit,
          ring.at(panel, slot),
          gates_stride,
          ring.panel_stride(),
          (size_t)ring.width(panel)};
      for_row_blocks<block_rows(N)>(tile.rows, step);
    });
  }
}

// Weight gradients of `steps` steps from `t` on, whose gates' gradients begin at `slot`.
template <class C>
void weight_gradients(const Ring<C>& ring, const Tile& tile, int t, int slot, int steps,
                      Real* gradient) {
  const Layout<C>& layout = ring.layout;
  const size_t padded = layout.padded;
  const int rows = steps * tile.rows;
  const int skipped = t == 0 && !tile.initial ? tile.rows : 0;  // a zero state adds nothing
  for (int p = 0; p < layout.panels; p++) {
    const Real* d = ring.at(p, slot);
    const size_t width = ring.width(p);
    sum_rows(rows, layout.vectors(p), d, width, gradient + p * layout.panel_size());
    outer_product(rows, layout.inputs, layout.x_vectors(p),
                  tile.x + (size_t)t * tile.rows * tile.x_stride, tile.x_stride, d, width,
                  gradient + layout.x_rows(p));
    outer_product(rows - skipped, layout.hidden, layout.h_vectors(p),
                  tile.h + ((size_t)t * tile.rows + skipped) * padded, padded,
                  d + skipped * width + layout.h_offset(), width, gradient + layout.h_rows(p));
  }
}

// What arrives at step t from outside, laid where the step begins from; false: nothing.
template <class C>
bool direct_gradient(const Layout<C>& layout, const Tile& tile, const BackwardBuffers& buffers,
                     const TileGradient& gradient, int t) {
  const bool last = t == tile.window - 1 && gradient.h_last;
  if (!last && !gradient.output.data) return false;
  Real* to = C::carries ? buffers.carry : buffers.direct;
  if (!C::carries) memset(to, 0, (size_t)tile.rows * layout.padded * sizeof(Real));
  if (gradient.output.data)
    add_rows(tile.rows, layout.hidden, gradient.output.data + t * gradient.output.step_stride,
             gradient.output.window_stride, to, layout.padded);
  if (last)
    add_rows(tile.rows, layout.hidden, gradient.h_last, gradient.state_stride, to, layout.padded);
  return true;
}

// Whether nothing flows from step t any more: with denormals flushed, a vanishing gradient becomes
// exactly zero, and then so is all that lies before it. Zero times an infinite input is NaN, though.
template <class C>
bool is_still(const Ring<C>& ring, int slot, const BackwardBuffers& buffers, const Tile& tile,
              int t) {
  auto all_zero = [](const Real* values, size_t n) {
    for (size_t i = 0; i < n; i++)
      if (values[i] != 0) return false;  // NaN flows
    return true;
  };
  if (!all_zero(buffers.carry, (size_t)ring.rows * ring.layout.padded)) return false;
  for (int p = 0; p < ring.layout.panels; p++)
    if (!all_zero(ring.at(p, slot), (size_t)ring.rows * ring.width(p))) return false;
  Real inputs = 0;
  for (size_t i = 0; i < (size_t)t * tile.rows * tile.x_stride; i++) inputs += tile.x[i] * 0;
  return inputs == 0;
}

inline void clear_rows(int rows, int values, Real* to, size_t to_stride) {
  for (int m = 0; m < rows; m++) memset(to + m * to_stride, 0, values * sizeof(Real));
}

template <class C>
void backward_tile(const Layout<C>& layout, const Real* transposed, const Real* transposed_x,
                   const Tile& tile, const BackwardBuffers& buffers, const TileGradient& gradient) {
  const int steps = ring_steps(tile.rows, tile.window), rows = tile.rows;
  const Ring<C> ring{layout, buffers.ring, rows, steps};
  memset(buffers.carry, 0, rows * layout.padded * sizeof(Real));
  if (C::has_memory && gradient.c_last)
    copy_rows(rows, layout.hidden, gradient.c_last, gradient.state_stride, buffers.carry,
              layout.padded);
  int end = tile.window, first_of_all = 0;
  while (true) {
    const int n = end < steps ? end : steps, start = end - n, first = steps - n;
    for (int t = end - 1; t >= start; t--) {
      bool direct = direct_gradient(layout, tile, buffers, gradient, t);
      step_back(ring, tile, buffers, transposed, t, first + t - start, direct);
    }
    weight_gradients(ring, tile, start, first, n, gradient.weights);
    if (gradient.x.data) {
      before_gates(ring, first, n * rows, false, transposed_x, buffers.product);
      for (int t = start; t < end; t++)
        copy_rows(rows, layout.inputs,
                  buffers.product + (size_t)(t - start) * rows * vectors_for(layout.inputs) * lanes,
                  vectors_for(layout.inputs) * lanes, gradient.x.data + t * gradient.x.step_stride,
                  gradient.x.window_stride);
    }
    end = start;
    if (end == 0 || (!gradient.output.data && is_still(ring, first, buffers, tile, end))) {
      first_of_all = first;
      break;
    }
  }
  for (int t = 0; gradient.x.data && t < end; t++)
    clear_rows(rows, layout.inputs, gradient.x.data + t * gradient.x.step_stride,
               gradient.x.window_stride);
  if (gradient.h0) {
    before_gates(ring, first_of_all, rows, true, transposed, buffers.product);
    if (C::carries)
      add_rows(rows, layout.hidden, buffers.carry, layout.padded, buffers.product, layout.padded);
    copy_rows(rows, layout.hidden, buffers.product, layout.padded, gradient.h0, layout.hidden);
  }
  if (C::has_memory && gradient.c0)
    copy_rows(rows, layout.hidden, buffers.carry, layout.padded, gradient.c0, layout.hidden);
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
