// One layer over a whole batch: tiles of windows, each forward and back on its own.
//
// Which windows share a tile, and in which order gradients are summed, depends on the sizes alone:
// the result is the same for any number of threads.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

constexpr int most_parts = 16;

// Tiles of nearly equal size that keep a layer's states in cache.
struct Tiles {
  int batch, count, rows;

  Tiles(int batch, int hidden) : batch(batch) {
    const int wanted = hidden > 64 ? 24 : 32;
    count = (batch - 1) / wanted + 1;
    rows = (batch - 1) / count + 1;
    count = (batch - 1) / rows + 1;
  }
  int first(int tile) const { return tile * rows; }
  int size(int tile) const { return batch - first(tile) < rows ? batch - first(tile) : rows; }

  // Parts have gradients of their own, which are summed in the end.
  int parts() const { return count < most_parts ? count : most_parts; }
  int part_begin(int part) const { return (int)((int64_t)part * count / parts()); }
};

// How the workspace of a layer is divided: packed weights, then the tiles one after the other.
template <class C>
struct Workspace {
  Layout<C> layout;
  Tiles tiles;
  int window;
  bool keep;

  Workspace(const Shape& shape, bool keep)
      : layout(shape.inputs, shape.hidden),
        tiles(shape.batch, shape.hidden),
        window(shape.window),
        keep(keep) {}

  size_t inputs_size() const { return aligned_size((size_t)window * tiles.rows * layout.inputs); }
  size_t states_size() const {
    return aligned_size((keep ? (size_t)window + 1 : 2) * tiles.rows * layout.padded);
  }
  size_t gates_size() const {
    return keep && C::gated ? aligned_size((size_t)window * layout.panels * tiles.rows * 4 * lanes)
                            : 0;
  }
  size_t tile_size() const {
    return inputs_size() + states_size() * (C::has_memory ? 2 : 1) + gates_size();
  }
  size_t packed_size() const { return aligned_size(layout.size()); }
  size_t size() const { return packed_size() + tile_size() * tiles.count; }

  Tile tile(int i, Real* memory, bool initial) const {
    return tile_at(memory + packed_size() + i * tile_size(), tiles.size(i), initial);
  }
  Tile tile_at(Real* x, int rows, bool initial) const {
    Real *h = x + inputs_size(), *c = h + states_size();
    Real* gates = C::has_memory ? c + states_size() : c;
    // An RNN keeps no gates; any address tells that its states are kept.
    return {rows, window, x, (size_t)layout.inputs, initial, h, C::has_memory ? c : h,
            keep ? gates : nullptr};
  }
};

template <class C>
void clear_state(const Layout<C>& layout, const Tile& tile) {
  const size_t size = (size_t)tile.rows * layout.padded * sizeof(Real);
  memset(tile.h, 0, size);
  if (C::has_memory) memset(tile.c, 0, size);
}

template <class C>
void load_inputs(const Layout<C>& layout, const Sequence<const Real>& x, int first,
                 const Tile& tile) {
  Real* to = const_cast<Real*>(tile.x);
  for (int t = 0; t < tile.window; t++, to += tile.rows * tile.x_stride)
    copy_rows(tile.rows, layout.inputs, x.data + first * x.window_stride + t * x.step_stride,
              x.window_stride, to, tile.x_stride);
}

template <class C>
void load_state(const Layout<C>& layout, const Real* h0, const Real* c0, int first,
                const Tile& tile) {
  const size_t start = (size_t)first * layout.hidden;
  clear_state(layout, tile);
  if (h0) copy_rows(tile.rows, layout.hidden, h0 + start, layout.hidden, tile.h, layout.padded);
  if (C::has_memory && c0)
    copy_rows(tile.rows, layout.hidden, c0 + start, layout.hidden, tile.c, layout.padded);
}

template <class C>
struct Forward {
  const ForwardCall<Real>& call;
  Workspace<C> space;
  const Layout<C>& layout;

  explicit Forward(const ForwardCall<Real>& call)
      : call(call), space(call.shape, call.keep), layout(space.layout) {}

  void run(const Runner& runner) {
    pack(layout, call.parameters, call.workspace);
    runner.run(runner, space.tiles.count, [](void* self, int i, int) { ((Forward*)self)->tile(i); },
               this);
  }

  void tile(int i) {
    const Tile tile = space.tile(i, call.workspace, call.h0 || call.c0);
    const int first = space.tiles.first(i), hidden = layout.hidden;
    load_inputs(layout, call.x, first, tile);
    load_state(layout, call.h0, call.c0, first, tile);
    forward_tile(layout, call.workspace, tile, [&](int t, const Real* h) {
      const Sequence<Real>& to = call.output;
      if (to.data)
        copy_rows(tile.rows, hidden, h, layout.padded,
                  to.data + first * to.window_stride + t * to.step_stride, to.window_stride);
    });
    const size_t end = tile.state(tile.window, layout.padded), start = (size_t)first * hidden;
    copy_rows(tile.rows, hidden, tile.h + end, layout.padded, call.h_last + start, hidden);
    if (C::has_memory)
      copy_rows(tile.rows, hidden, tile.c + end, layout.padded, call.c_last + start, hidden);
  }
};

template <class C>
struct Scratch {
  const Workspace<C>& space;

  const Layout<C>& layout() const { return space.layout; }
  size_t transposed_size(bool recurrent) const {
    return aligned_size(layout().transposed_size(recurrent));
  }
  size_t buffers_size() const {
    return BackwardBuffers::size(layout(), space.tiles.rows);
  }
  // A part needs its gradients, and buffers while it runs.
  size_t part_size() const { return aligned_size(layout().size()) + buffers_size(); }
  size_t size() const {
    return transposed_size(true) + transposed_size(false) + part_size() * space.tiles.parts();
  }
};

template <class C>
struct Backward {
  const BackwardCall<Real>& call;
  Workspace<C> space;
  Scratch<C> scratch;
  const Layout<C>& layout;
  Real *transposed, *transposed_x, *parts;

  explicit Backward(const BackwardCall<Real>& call)
      : call(call), space(call.shape, true), scratch{space}, layout(space.layout) {
    transposed = call.scratch;
    transposed_x = transposed + scratch.transposed_size(true);
    parts = transposed_x + scratch.transposed_size(false);
  }

  void run(const Runner& runner) {
    pack_transposed(layout, call.parameters.weight_hh, true, transposed);
    if (call.grad_x.data) pack_transposed(layout, call.parameters.weight_ih, false, transposed_x);
    const int n = space.tiles.parts();
    runner.run(runner, n, [](void* self, int i, int) { ((Backward*)self)->part(i); }, this);
    unpack(layout, parts, n, scratch.part_size(), call.gradient);
  }

  void part(int i) {
    Real* gradient = parts + i * scratch.part_size();
    memset(gradient, 0, layout.size() * sizeof(Real));
    const BackwardBuffers buffers(layout, space.tiles.rows,
                                  gradient + aligned_size(layout.size()));
    for (int q = space.tiles.part_begin(i); q < space.tiles.part_begin(i + 1); q++)
      tile(q, gradient, buffers);
  }

  void tile(int i, Real* gradient, const BackwardBuffers& buffers) {
    const Tile tile = space.tile(i, const_cast<Real*>(call.workspace), call.initial);
    const size_t first = space.tiles.first(i), state = first * layout.hidden;
    auto rows = [&](auto* data) { return data ? data + state : nullptr; };
    auto windows = [&](auto sequence) {
      if (sequence.data) sequence.data += first * sequence.window_stride;
      return sequence;
    };
    backward_tile(layout, transposed, transposed_x, tile, buffers,
                  TileGradient{windows(call.grad_output), rows(call.grad_h_last),
                               rows(call.grad_c_last), (size_t)layout.hidden,
                               windows(call.grad_x), rows(call.grad_h0), rows(call.grad_c0),
                               gradient});
  }
};

// Calls body(C()) with the type of a cell that is known at run time.
template <class Body>
auto with_cell(Cell cell, const Body& body) {
  switch (cell) {
    case Cell::tanh: return body(Elman<false>());
    case Cell::relu: return body(Elman<true>());
    case Cell::lstm: return body(Lstm());
    default: return body(Gru());
  }
}

inline size_t workspace_size(const Shape& shape, bool keep) {
  return with_cell(shape.cell, [&](auto c) { return Workspace<decltype(c)>(shape, keep).size(); });
}

inline size_t scratch_size(const Shape& shape) {
  return with_cell(shape.cell, [&](auto c) {
    const Workspace<decltype(c)> space(shape, true);
    return Scratch<decltype(c)>{space}.size();
  });
}

inline void forward(const ForwardCall<Real>& call, const Runner& runner) {
  with_cell(call.shape.cell, [&](auto c) { Forward<decltype(c)>(call).run(runner); });
}

inline void backward(const BackwardCall<Real>& call, const Runner& runner) {
  with_cell(call.shape.cell, [&](auto c) { Backward<decltype(c)>(call).run(runner); });
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
