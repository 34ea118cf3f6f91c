// What the files of the Python module share.
#pragma once
#include "arrays.h"
#include "dispatch.h"

#include <algorithm>
#include <cmath>

namespace seqforecast {

inline int gates_of(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }

inline Cell cell_named(const std::string& name) {
  if (name == "tanh") return Cell::tanh;
  if (name == "relu") return Cell::relu;
  if (name == "lstm") return Cell::lstm;
  if (name == "gru") return Cell::gru;
  throw py::value_error("cell is '" + name + "'; one of 'tanh', 'relu', 'lstm', 'gru' is needed.");
}

template <class Real>
const Kernels<Real>& variant_named(const std::string& name) {
  if (const Kernels<Real>* found = find_variant<Real>(name)) return *found;
  throw py::value_error("this processor has no kernels '" + name + "' for that dtype.");
}

// Multiplications and additions of one pass forward through a layer.
inline double operations(const Shape& s) {
  return 2.0 * s.batch * s.window * gates_of(s.cell) * s.hidden * (double(s.hidden) + s.inputs);
}

// Sizes are computed in size_t: what could not be held by any memory must not get there.
inline void check_fits(const Shape& s, double layers = 1) {
  const double values = double(s.batch) * s.window * (s.inputs + 16.0 * (s.hidden + 16.0)) +
                        32.0 * (s.hidden + 64.0) * (double(s.hidden) + s.inputs + 64.0);
  if (layers * values > std::ldexp(1.0, 50)) {
    PyErr_SetString(PyExc_OverflowError,
                    "the kernels would need more than a petabyte; pass fewer or shorter windows.");
    throw py::error_already_set();
  }
  if (std::max(s.inputs, s.hidden) > 1 << 28)
    throw py::value_error("a layer has more than 268435456 inputs or units; fewer are needed.");
}

void bind_layer(py::module_& m);
void bind_trainer(py::module_& m);

}  // namespace seqforecast
