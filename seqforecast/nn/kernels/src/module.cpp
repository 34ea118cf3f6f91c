// The Python module seqforecast._native.
#include "bindings.h"

PYBIND11_MODULE(_native, m) {
  m.def("variants", &seqforecast::supported_variants,
        "Names of the kernels that this processor runs, the fastest first.");
  seqforecast::bind_layer(m);
  seqforecast::bind_trainer(m);
}
