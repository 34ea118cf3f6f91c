// One layer, forward and back: checks what it is given, lets other Python threads run.
#include "bindings.h"

namespace seqforecast {
namespace {

using Tensors = std::vector<py::object>;

// Sizes of a layer, read from the arrays themselves.
Shape shape_of(const std::string& cell, const py::array& x, const Tensors& layer) {
  if (layer.size() != 4) throw py::value_error("four parameters of the layer are needed.");
  const py::array weight_hh = as_array(layer[1], "weight_hh");
  if (x.ndim() != 3 || weight_hh.ndim() != 2)
    throw py::value_error("x needs three dimensions and weight_hh two, but they have " +
                          std::to_string(x.ndim()) + " and " + std::to_string(weight_hh.ndim()) +
                          ".");
  const Shape shape{cell_named(cell), as_int(x.shape(0), "the number of windows"),
                    as_int(x.shape(1), "the window"), as_int(x.shape(2), "the number of inputs"),
                    as_int(weight_hh.shape(1), "the hidden size")};
  check_fits(shape);
  return shape;
}

template <class Real>
Parameters<const Real> parameters(const Shape& s, const Tensors& given) {
  const py::ssize_t rows = py::ssize_t(gates_of(s.cell)) * s.hidden;
  return {values<Real>(given[0], {rows, s.inputs}, "weight_ih"),
          values<Real>(given[1], {rows, s.hidden}, "weight_hh"),
          values<Real>(given[2], {rows}, "bias_ih"), values<Real>(given[3], {rows}, "bias_hh")};
}

template <class Real>
Parameters<Real> gradients(const Shape& s, const Tensors& given) {
  if (given.size() != 4) throw py::value_error("four gradients of the layer are needed.");
  const py::ssize_t rows = py::ssize_t(gates_of(s.cell)) * s.hidden;
  return {writable<Real>(given[0], {rows, s.inputs}, "gradient of weight_ih"),
          writable<Real>(given[1], {rows, s.hidden}, "gradient of weight_hh"),
          writable<Real>(given[2], {rows}, "gradient of bias_ih"),
          writable<Real>(given[3], {rows}, "gradient of bias_hh")};
}

template <class Real>
Real* memory(const py::array& given, size_t needed, const char* name) {
  if (given.ndim() != 1 || static_cast<size_t>(given.shape(0)) < needed)
    throw py::value_error(std::string(name) + " needs one dimension of at least " +
                          std::to_string(needed) + " values.");
  return writable<Real>(given, {given.shape(0)}, name);
}

size_t workspace_size(const std::string& variant, const std::string& cell, int batch, int window,
                      int inputs, int hidden, bool keep) {
  const Shape shape{cell_named(cell), as_int(batch, "batch"), as_int(window, "window"),
                    as_int(inputs, "inputs"), as_int(hidden, "hidden")};
  check_fits(shape);
  if (const Kernels<double>* kernels = find_variant<double>(variant))
    return kernels->workspace_size(shape, keep);
  return variant_named<float>(variant).workspace_size(shape, keep);
}

size_t scratch_size(const std::string& variant, const std::string& cell, int batch, int window,
                    int inputs, int hidden) {
  const Shape shape{cell_named(cell), as_int(batch, "batch"), as_int(window, "window"),
                    as_int(inputs, "inputs"), as_int(hidden, "hidden")};
  check_fits(shape);
  if (const Kernels<double>* kernels = find_variant<double>(variant))
    return kernels->scratch_size(shape);
  return variant_named<float>(variant).scratch_size(shape);
}

template <class Real>
void forward(const std::string& variant, const std::string& cell, const py::array& x,
             const py::object& h0, const py::object& c0, const Tensors& layer,
             const py::object& output, const py::object& h_last, const py::object& c_last,
             bool keep, const py::array& workspace, int threads) {
  const Kernels<Real>& kernels = variant_named<Real>(variant);
  const Shape s = shape_of(cell, x, layer);
  const Sizes state{s.batch, s.hidden};
  const ForwardCall<Real> call{
      s,
      sequence<Real>(x, {s.batch, s.window, s.inputs}, "x"),
      optional_values<Real>(h0, state, "h0"),
      optional_values<Real>(c0, state, "c0"),
      parameters<Real>(s, layer),
      writable_sequence<Real>(output, {s.batch, s.window, s.hidden}, "output"),
      writable<Real>(h_last, state, "h_last"),
      optional_writable<Real>(c_last, state, "c_last"),
      keep,
      memory<Real>(workspace, kernels.workspace_size(s, keep), "workspace")};
  if (s.cell == Cell::lstm) require(c_last, "c_last");
  const Runner runner = make_runner(threads, operations(s));
  py::gil_scoped_release released;
  kernels.forward(call, runner);
}

template <class Real>
void backward(const std::string& variant, const std::string& cell, const py::array& x, bool initial,
              const Tensors& layer, const py::array& workspace, const py::object& grad_output,
              const py::object& grad_h_last, const py::object& grad_c_last,
              const Tensors& layer_gradient, const py::object& grad_x, const py::object& grad_h0,
              const py::object& grad_c0, const py::array& scratch, int threads) {
  const Kernels<Real>& kernels = variant_named<Real>(variant);
  const Shape s = shape_of(cell, x, layer);
  const Sizes state{s.batch, s.hidden};
  const BackwardCall<Real> call{
      s,
      memory<Real>(workspace, kernels.workspace_size(s, true), "workspace"),
      initial,
      sequence<Real>(grad_output, {s.batch, s.window, s.hidden}, "grad_output"),
      optional_values<Real>(grad_h_last, state, "grad_h_last"),
      optional_values<Real>(grad_c_last, state, "grad_c_last"),
      parameters<Real>(s, layer),
      gradients<Real>(s, layer_gradient),
      writable_sequence<Real>(grad_x, {s.batch, s.window, s.inputs}, "grad_x"),
      optional_writable<Real>(grad_h0, state, "grad_h0"),
      optional_writable<Real>(grad_c0, state, "grad_c0"),
      memory<Real>(scratch, kernels.scratch_size(s), "scratch")};
  const Runner runner = make_runner(threads, 2 * operations(s));
  py::gil_scoped_release released;
  kernels.backward(call, runner);
}

bool is_double(const py::array& x) { return py::isinstance<py::array_t<double>>(x); }

}  // namespace

void bind_layer(py::module_& m) {
  m.def("workspace_size", &workspace_size);
  m.def("scratch_size", &scratch_size);
  m.def("forward", [](const std::string& variant, const std::string& cell, const py::array& x,
                      const py::object& h0, const py::object& c0, const Tensors& layer,
                      const py::object& output, const py::object& h_last,
                      const py::object& c_last, bool keep, const py::array& workspace,
                      int threads) {
    (is_double(x) ? forward<double> : forward<float>)(variant, cell, x, h0, c0, layer, output,
                                                      h_last, c_last, keep, workspace, threads);
  });
  m.def("backward", [](const std::string& variant, const std::string& cell, const py::array& x,
                       bool initial, const Tensors& layer, const py::array& workspace,
                       const py::object& grad_output, const py::object& grad_h_last,
                       const py::object& grad_c_last, const Tensors& layer_gradient,
                       const py::object& grad_x, const py::object& grad_h0,
                       const py::object& grad_c0, const py::array& scratch, int threads) {
    (is_double(x) ? backward<double> : backward<float>)(
        variant, cell, x, initial, layer, workspace, grad_output, grad_h_last, grad_c_last,
        layer_gradient, grad_x, grad_h0, grad_c0, scratch, threads);
  });
}

}  // namespace seqforecast
