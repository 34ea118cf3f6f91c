// Which variant of the kernels runs here, and on how many threads.
#pragma once
#include "interface.h"

#include <string>
#include <vector>

namespace seqforecast {

// Names of the variants for float32 that this processor can run, the fastest first.
std::vector<std::string> supported_variants();

// The variant of that name for float or double; null where this processor cannot run it.
template <class Real>
const Kernels<Real>* find_variant(const std::string& name);

// A runner of at most `threads` threads, for a job of so many multiplications and additions.
Runner make_runner(int threads, double operations);

}  // namespace seqforecast
