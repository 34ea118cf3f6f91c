// Whole steps of training on flat buffers that the caller owns.
#include "bindings.h"

#include <memory>

namespace seqforecast {
namespace {

Loss loss_named(const std::string& name) {
  if (name == "squared") return Loss::squared;
  if (name == "absolute") return Loss::absolute;
  if (name == "huber") return Loss::huber;
  if (name == "pinball") return Loss::pinball;
  throw py::value_error("loss is '" + name +
                        "'; one of 'squared', 'absolute', 'huber', 'pinball' is needed.");
}

// The forecasts of a tile of 32 windows are counted in int.
constexpr int most_steps = INT_MAX / 32;

// Memory that is aligned to cache lines and keeps its pages between steps.
template <class Real>
class Memory {
 public:
  Real* of(size_t size) {
    if (size > size_) {
      data_.reset();  // what was there is not needed: free it before asking for more
      size_ = 0;      // which may fail
      data_.reset(new Real[size + 64 / sizeof(Real)]);
      size_ = size;
    }
    const auto address = reinterpret_cast<uintptr_t>(data_.get());
    return reinterpret_cast<Real*>((address + 63) / 64 * 64);
  }

 private:
  std::unique_ptr<Real[]> data_;
  size_t size_ = 0;
};

// Clipping and Adam on the caller's flat buffers.
template <class Real>
class Updater {
 public:
  Updater(const std::string& variant, py::array parameters, py::array gradient, py::array mean,
          py::array square, py::object decay, bool decoupled, double beta1, double beta2,
          double eps, double max_norm)
      : kernels(variant_named<Real>(variant)), kept_{parameters, gradient, mean, square, decay} {
    const Sizes size{parameters.size()};
    state_ = {size_t(parameters.size()),
              writable<Real>(parameters, size, "parameters"),
              writable<Real>(gradient, size, "gradient"),
              writable<Real>(mean, size, "mean"),
              writable<Real>(square, size, "square"),
              optional_values<Real>(decay, size, "decay"),
              decoupled, beta1, beta2, eps, max_norm, 0, 0, 0, false};
  }

  // What one step of the given number and rate does.
  Update<Real> at(double lr, long number) const {
    Update<Real> update = state_;
    update.lr = lr;
    update.step = number;
    return update;
  }

  // Gradient norm before clipping, and whether the step was left out.
  std::tuple<double, bool> update(double lr, long number) const {
    Update<Real> now = at(lr, number);
    py::gil_scoped_release released;
    kernels.update(now);
    return {now.norm, now.skipped};
  }

  const Kernels<Real>& kernels;

 private:
  Update<Real> state_;
  std::vector<py::object> kept_;  // the arrays must live as long as this
};

template <class Real>
class Trainer {
 public:
  Trainer(const Updater<Real>& updater, const std::string& cell, int inputs, int hidden, int layers,
          int outputs, const std::vector<double>& levels, int median, const std::string& loss)
      : updater_(updater), levels_(levels.begin(), levels.end()) {
    as_int(inputs, "inputs"), as_int(hidden, "hidden"), as_int(layers, "layers");
    as_int(outputs, "outputs");
    as_int(py::ssize_t(outputs) * std::max<py::ssize_t>(1, levels.size()), "the head's outputs");
    if (!levels.empty() && (median < 0 || size_t(median) >= levels.size()))
      throw py::value_error("median is " + std::to_string(median) + "; the place of one of the " +
                            std::to_string(levels.size()) + " levels is needed.");
    Network<Real>& net = call_.network;
    net = {cell_named(cell), inputs, hidden, layers, outputs, int(levels.size()), median,
           levels_.data(), loss_named(loss)};
    if (net.levels ? net.loss != Loss::pinball : net.loss == Loss::pinball)
      throw py::value_error("loss 'pinball' and levels are needed together.");
    check_fits(shape(1, 1, std::max(inputs, hidden)), layers);
    if (py::ssize_t(updater.at(0, 0).size) != n_parameters())
      throw py::value_error("parameters has " + std::to_string(updater.at(0, 0).size) +
                            " values; this network needs " + std::to_string(n_parameters()) + ".");
  }

  // Mean loss, gradient norm before clipping, and whether the step was left out.
  std::tuple<double, double, bool> step(const py::array& x, const py::array& target,
                                        const py::object& weight, double lr, long number,
                                        int threads) {
    if (x.ndim() != 3 || (target.ndim() != 2 && target.ndim() != 3))
      throw py::value_error("x needs three dimensions and target two or three, but they have " +
                            std::to_string(x.ndim()) + " and " + std::to_string(target.ndim()) +
                            ".");
    StepCall<Real> call = call_;
    const Network<Real>& net = call.network;
    call.batch = as_int(x.shape(0), "the number of windows");
    call.window = as_int(x.shape(1), "the window");
    call.every_step = target.ndim() == 3;
    call.x = sequence<Real>(x, {call.batch, call.window, net.inputs}, "x");
    if (call.every_step)
      call.target = sequence<Real>(target, {call.batch, call.window, net.outputs}, "target");
    else
      call.target = {values<Real>(target, {call.batch, net.outputs}, "target"),
                     size_t(net.outputs), 0};
    call.weight = optional_values<Real>(weight, {call.batch}, "weight");
    call.update = updater_.at(lr, number);
    const Shape s = shape(call.batch, call.window, std::max(net.inputs, net.hidden));
    check_fits(s, net.layers);
    if (call.window > most_steps)
      throw py::value_error("the window is " + std::to_string(call.window) + "; up to " +
                            std::to_string(most_steps) + " steps are needed.");
    const Runner runner = make_runner(threads, 3.0 * net.layers * operations(s));
    call.workspace = memory_.of(updater_.kernels.step_size(call, runner.threads));
    py::gil_scoped_release released;
    updater_.kernels.step(call, runner);
    return {call.loss, call.update.norm, call.update.skipped};
  }

 private:
  Shape shape(int batch, int window, int inputs) const {
    return {call_.network.cell, batch, window, inputs, call_.network.hidden};
  }
  py::ssize_t n_parameters() const {
    const Network<Real>& net = call_.network;
    const py::ssize_t rows = py::ssize_t(gates_of(net.cell)) * net.hidden;
    const py::ssize_t outputs = py::ssize_t(net.outputs) * (net.levels ? net.levels : 1);
    return rows * (net.inputs + net.hidden + 2) +
           (net.layers - 1) * rows * (2 * py::ssize_t(net.hidden) + 2) +
           outputs * (net.hidden + 1);
  }

  const Updater<Real>& updater_;  // kept alive by the module
  std::vector<Real> levels_;
  StepCall<Real> call_{};
  Memory<Real> memory_;
};

template <class Real>
void bind(py::module_& m, const char* updater, const char* trainer) {
  py::class_<Updater<Real>>(m, updater)
      .def(py::init<const std::string&, py::array, py::array, py::array, py::array, py::object,
                    bool, double, double, double, double>(),
           py::kw_only(), py::arg("variant"), py::arg("parameters"), py::arg("gradient"),
           py::arg("mean"), py::arg("square"), py::arg("decay"), py::arg("decoupled"),
           py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("max_norm"))
      .def("update", &Updater<Real>::update, py::arg("lr"), py::arg("number"));
  py::class_<Trainer<Real>>(m, trainer)
      .def(py::init<const Updater<Real>&, const std::string&, int, int, int, int,
                    const std::vector<double>&, int, const std::string&>(),
           py::keep_alive<1, 2>(), py::kw_only(), py::arg("updater"), py::arg("cell"),
           py::arg("inputs"), py::arg("hidden"), py::arg("layers"), py::arg("outputs"),
           py::arg("levels"), py::arg("median"), py::arg("loss"))
      .def("step", &Trainer<Real>::step, py::arg("x"), py::arg("target"), py::arg("weight"),
           py::arg("lr"), py::arg("number"), py::arg("threads"));
}

}  // namespace

void bind_trainer(py::module_& m) {
  bind<float>(m, "Updater", "Trainer");
  bind<double>(m, "Updater64", "Trainer64");
}

}  // namespace seqforecast
