// numpy arrays as the kernels take them, checked: a wrong one becomes an exception, not a crash.
#pragma once
#include "interface.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <climits>
#include <string>
#include <vector>

namespace seqforecast {

namespace py = pybind11;
using Sizes = std::vector<py::ssize_t>;

inline std::string written(const Sizes& sizes) {
  std::string text = "(";
  for (size_t i = 0; i < sizes.size(); i++) text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text + (sizes.size() == 1 ? ",)" : ")");
}

inline int as_int(py::ssize_t n, const char* name) {
  if (n < 1 || n > INT_MAX)
    throw py::value_error(std::string(name) + " is " + std::to_string(n) +
                          "; 1 to 2147483647 is needed.");
  return static_cast<int>(n);
}

template <class Real>
void check(const py::array& array, const Sizes& sizes, const char* name) {
  if (!py::isinstance<py::array_t<Real>>(array))
    throw py::type_error(std::string(name) + " has dtype " +
                         py::str(array.dtype()).cast<std::string>() + "; " +
                         py::str(py::dtype::of<Real>()).cast<std::string>() + " is needed.");
  const Sizes given(array.shape(), array.shape() + array.ndim());
  if (given != sizes)
    throw py::value_error(std::string(name) + " has shape " + written(given) + "; " +
                          written(sizes) + " is needed.");
}

inline py::array as_array(const py::object& given, const char* name) {
  if (!py::isinstance<py::array>(given))
    throw py::type_error(std::string(name) + " is no numpy array; one is needed.");
  return py::reinterpret_borrow<py::array>(given);
}

// A contiguous array of the given shape; null for None.
template <class Real>
const Real* optional_values(const py::object& given, const Sizes& sizes, const char* name) {
  if (given.is_none()) return nullptr;
  const py::array array = as_array(given, name);
  check<Real>(array, sizes, name);
  if (!(array.flags() & py::array::c_style))
    throw py::value_error(std::string(name) + " is not contiguous; a C-contiguous array is needed.");
  return static_cast<const Real*>(array.data());
}

inline void require(const py::object& given, const char* name) {
  if (given.is_none()) throw py::type_error(std::string(name) + " is None; an array is needed.");
}

template <class Real>
const Real* values(const py::object& given, const Sizes& sizes, const char* name) {
  require(given, name);
  return optional_values<Real>(given, sizes, name);
}

template <class Real>
Real* optional_writable(const py::object& given, const Sizes& sizes, const char* name) {
  const Real* data = optional_values<Real>(given, sizes, name);
  if (data && !py::reinterpret_borrow<py::array>(given).writeable())
    throw py::value_error(std::string(name) + " is read-only; a writable array is needed.");
  return const_cast<Real*>(data);
}

template <class Real>
Real* writable(const py::object& given, const Sizes& sizes, const char* name) {
  require(given, name);
  return optional_writable<Real>(given, sizes, name);
}

// Values at every step, (batch, window, columns), whatever the strides of the first two.
template <class Real>
Sequence<const Real> sequence(const py::object& given, const Sizes& sizes, const char* name) {
  if (given.is_none()) return {};
  const py::array array = as_array(given, name);
  check<Real>(array, sizes, name);
  const py::ssize_t item = sizeof(Real);
  if ((array.strides(2) != item && sizes[2] > 1) || array.strides(0) % item ||
      array.strides(1) % item)
    throw py::value_error(std::string(name) + " has its columns apart; the values of a step side "
                          "by side are needed.");
  return {static_cast<const Real*>(array.data()), static_cast<size_t>(array.strides(0) / item),
          static_cast<size_t>(array.strides(1) / item)};
}

template <class Real>
Sequence<Real> writable_sequence(const py::object& given, const Sizes& sizes, const char* name) {
  Real* data = optional_writable<Real>(given, sizes, name);
  return {data, static_cast<size_t>(sizes[1] * sizes[2]), static_cast<size_t>(sizes[2])};
}

}  // namespace seqforecast
