// A whole step of training: forward, loss, back, clip, update, one tile of windows at a time.
//
// A tile passes all layers, the head and the loss, and goes all the way back before the next one
// begins, so that its states are still in cache when they are needed again.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

// Where the parameters of a layer and of the head lie in a flat buffer.
template <class C, class R>
struct FlatParameters {
  R* data;
  int inputs, hidden, outputs;  // outputs of the head

  size_t layer_size(int k) const {
    return (size_t)C::gates * hidden * ((k ? hidden : inputs) + hidden + 2);
  }
  Parameters<R> layer(int k) const {
    R* at = data + (k ? layer_size(0) + (k - 1) * layer_size(1) : 0);
    const size_t rows = (size_t)C::gates * hidden;
    R* weight_hh = at + rows * (k ? hidden : inputs);
    R* bias_ih = weight_hh + rows * hidden;
    return {at, weight_hh, bias_ih, bias_ih + rows};
  }
  R* head(int layers) const { return data + layer_size(0) + (layers - 1) * layer_size(1); }
  size_t size(int layers) const {
    return head(layers) - data + (size_t)outputs * (hidden + 1);
  }
};

// How the workspace of a step is divided: the packed parameters, then for each part its gradients,
// then for each thread the states of one tile.
template <class C>
struct TrainingMemory {
  const StepCall<Real>& call;
  const int layers;
  const Workspace<C> first, other;  // of the first layer, and of those above it
  const LinearHead head;

  explicit TrainingMemory(const StepCall<Real>& call)
      : call(call),
        layers(call.network.layers),
        first(shape(call, call.network.inputs), true),
        other(shape(call, call.network.hidden), true),
        head{call.network.hidden,
             call.network.outputs * (call.network.levels ? call.network.levels : 1)} {}

  static Shape shape(const StepCall<Real>& call, int inputs) {
    return {call.network.cell, call.batch, call.window, inputs, call.network.hidden};
  }
  const Workspace<C>& layer(int k) const { return k ? other : first; }
  const Layout<C>& layout(int k) const { return layer(k).layout; }
  const Tiles& tiles() const { return first.tiles; }

  // Where what belongs to layer k begins, when every layer has its size, one after the other.
  static size_t place(int k, size_t of_first, size_t of_others) {
    return k ? of_first + (k - 1) * of_others : 0;
  }

  size_t transposed_size(int k, bool recurrent) const {
    return aligned_size(layout(k).transposed_size(recurrent));
  }
  size_t layer_size(int k) const {
    return layer(k).packed_size() + transposed_size(k, true) + transposed_size(k, false);
  }
  Real* packed(int k) const {
    return call.workspace + place(k, layer_size(0), layer_size(1));
  }
  Real* transposed(int k, bool recurrent) const {
    return packed(k) + layer(k).packed_size() + (recurrent ? 0 : transposed_size(k, true));
  }
  Real* packed_head() const { return packed(layers); }

  size_t gradient(int k) const { return place(k, first.packed_size(), other.packed_size()); }
  size_t part_size() const { return gradient(layers) + head.gradient_size(); }
  Real* part(int i) const { return packed_head() + head.packed_size() + i * part_size(); }

  size_t states(int k) const { return place(k, first.tile_size(), other.tile_size()); }
  int forecasts(int rows) const { return call.every_step ? rows * call.window : rows; }
  size_t flow_size() const {
    return aligned_size((size_t)forecasts_or_steps() * first.layout.padded);
  }
  // The gradient by the states of one layer has all steps where another layer is below it.
  int forecasts_or_steps() const {
    return layers > 1 ? tiles().rows * call.window : forecasts(tiles().rows);
  }
  size_t forecasts_size() const {
    return aligned_size((size_t)forecasts(tiles().rows) * head.padded());
  }
  size_t buffers_size() const {
    const size_t a = BackwardBuffers::size(first.layout, tiles().rows);
    const size_t b = BackwardBuffers::size(other.layout, tiles().rows);
    return a > b ? a : b;
  }
  size_t thread_size() const {
    return states(layers) + flow_size() + forecasts_size() +
           aligned_size(call.network.levels) + buffers_size();
  }
  Real* thread(int i) const { return part(tiles().parts()) + i * thread_size(); }

  size_t size(int threads) const { return thread(threads) - call.workspace; }
};

template <class C>
struct Training {
  StepCall<Real>& call;
  const Network<Real>& net;
  const TrainingMemory<C> memory;
  double known;                 // number of targets that are there
  double losses[most_parts];

  explicit Training(StepCall<Real>& call) : call(call), net(call.network), memory(call) {}

  void run(const Runner& runner) {
    known = count_targets();
    pack_all();
    runner.run(runner, memory.tiles().parts(),
               [](void* self, int i, int thread) { ((Training*)self)->part(i, thread); }, this);
    call.loss = 0;
    for (int i = 0; i < memory.tiles().parts(); i++) call.loss += losses[i] / known;
    collect();
    update(call.update);
  }

  template <class R>
  FlatParameters<C, R> flat(R* data) const {
    return {data, net.inputs, net.hidden, memory.head.outputs};
  }

  const Real* target(int window, int step) const {
    return call.target.data + window * call.target.window_stride + step * call.target.step_stride;
  }

  double count_targets() const {
    if (!call.every_step) return double(call.batch) * net.outputs;
    double found = 0;
    for (int b = 0; b < call.batch; b++)
      for (int t = 0; t < call.window; t++)
        for (int j = 0; j < net.outputs; j++) found += target(b, t)[j] == target(b, t)[j];
    return found > 1 ? found : 1;
  }

  void pack_all() {
    for (int k = 0; k < net.layers; k++) {
      const Parameters<const Real> layer = flat<const Real>(call.update.parameters).layer(k);
      pack(memory.layout(k), layer, memory.packed(k));
      pack_transposed(memory.layout(k), layer.weight_hh, true, memory.transposed(k, true));
      if (k)
        pack_transposed(memory.layout(k), layer.weight_ih, false, memory.transposed(k, false));
    }
    const Real* weight = flat<const Real>(call.update.parameters).head(net.layers);
    memory.head.pack(weight, weight + memory.head.weights(), memory.packed_head());
  }

  void part(int i, int thread) {
    memset(memory.part(i), 0, memory.part_size() * sizeof(Real));
    losses[i] = 0;
    const Tiles& tiles = memory.tiles();
    for (int q = tiles.part_begin(i); q < tiles.part_begin(i + 1); q++)
      losses[i] += tile(q, memory.part(i), memory.thread(thread));
  }

  double tile(int q, Real* gradient, Real* at) const {
    const int rows = memory.tiles().size(q);
    for (int k = 0; k < net.layers; k++) forward_layer(k, q, at);
    Real* flow = at + memory.states(net.layers);
    Real* forecasts = flow + memory.flow_size();
    const double loss = pass_head(q, layer_tile(net.layers - 1, rows, at), gradient, flow,
                                  forecasts);
    Real* buffers = forecasts + memory.forecasts_size() + aligned_size(net.levels);
    for (int k = net.layers - 1; k >= 0; k--) backward_layer(k, rows, at, flow, gradient, buffers);
    return loss;
  }

  // Layers above the first read the states of the one below where they lie.
  Tile layer_tile(int k, int rows, Real* at) const {
    Tile tile = memory.layer(k).tile_at(at + memory.states(k), rows, false);
    if (k) {
      tile.x = layer_tile(k - 1, rows, at).h + (size_t)rows * memory.layout(k).padded;
      tile.x_stride = memory.layout(k).padded;
    }
    return tile;
  }

  void forward_layer(int k, int q, Real* at) const {
    const Tile tile = layer_tile(k, memory.tiles().size(q), at);
    if (k == 0) load_inputs(memory.layout(0), call.x, memory.tiles().first(q), tile);
    clear_state(memory.layout(k), tile);
    forward_tile(memory.layout(k), memory.packed(k), tile, [](int, const Real*) {});
  }

  // Head, loss, and back to the states; leaves the gradient by them in `flow`.
  double pass_head(int q, const Tile& top, Real* gradient, Real* flow, Real* forecasts) const {
    const size_t padded = memory.layout(0).padded;
    const int rows = memory.forecasts(top.rows);
    const Real* h = top.h + (call.every_step ? 1 : call.window) * top.rows * padded;
    memory.head.forward(rows, memory.packed_head(), h, padded, forecasts);
    const double loss = differentiate(q, top.rows, forecasts);
    memory.head.backward(rows, memory.packed_head(), h, padded, forecasts, flow,
                         gradient + memory.gradient(net.layers));
    return loss;
  }

  // Turns the forecasts of a tile, step by step, into the slopes of the mean loss by them.
  double differentiate(int q, int rows, Real* forecasts) const {
    const int first = memory.tiles().first(q), steps = call.every_step ? call.window : 1;
    Real* room = forecasts + memory.forecasts_size();
    double total = 0;
    for (int t = 0; t < steps; t++)
      for (int m = 0; m < rows; m++, forecasts += memory.head.padded()) {
        const double weight = call.weight ? call.weight[first + m] : 1;
        total += weight * row_loss(target(first + m, t), Real(weight / known), forecasts, room);
      }
    return total;
  }

  double row_loss(const Real* targets, Real scale, Real* forecasts, Real* room) const {
    if (!net.levels) return differentiate_row(net.loss, net.outputs, targets, scale, forecasts);
    const Quantiles quantiles{net.levels, net.median, net.quantiles};
    double total = 0;
    for (int j = 0; j < net.outputs; j++)
      total += quantiles.differentiate(targets[j], scale, forecasts + j * net.levels, room);
    return total;
  }

  void backward_layer(int k, int rows, Real* at, Real* flow, Real* gradient, Real* buffers) const {
    const size_t padded = memory.layout(k).padded;
    const Sequence<Real> states{flow, padded, rows * padded};
    TileGradient arriving{};
    arriving.state_stride = padded;
    if (k == net.layers - 1 && !call.every_step)
      arriving.h_last = flow;
    else
      arriving.output = {flow, padded, rows * padded};
    // Written block by block, after what arrives there has been read.
    if (k) arriving.x = states;
    arriving.weights = gradient + memory.gradient(k);
    backward_tile(memory.layout(k), memory.transposed(k, true), memory.transposed(k, false),
                  layer_tile(k, rows, at),
                  BackwardBuffers(memory.layout(k), memory.tiles().rows, buffers), arriving);
  }

  void collect() const {
    const int parts = memory.tiles().parts();
    const size_t size = memory.part_size();
    const FlatParameters<C, Real> to = flat<Real>(call.update.gradient);
    for (int k = 0; k < net.layers; k++)
      unpack(memory.layout(k), memory.part(0) + memory.gradient(k), parts, size, to.layer(k));
    Real* weight = to.head(net.layers);
    memory.head.unpack(memory.part(0) + memory.gradient(net.layers), parts, size, weight,
                       weight + memory.head.weights());
  }
};

inline size_t step_size(const StepCall<Real>& call, int threads) {
  return with_cell(call.network.cell, [&](auto c) {
    return TrainingMemory<decltype(c)>(call).size(threads);
  });
}

inline void step(StepCall<Real>& call, const Runner& runner) {
  with_cell(call.network.cell, [&](auto c) { Training<decltype(c)>(call).run(runner); });
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
