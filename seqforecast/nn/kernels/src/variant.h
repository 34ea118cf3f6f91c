// The whole of the kernels, for the instruction set that the including file has chosen.
// Each header builds on those before it, and none has a meaning outside this file.
#include "interface.h"

#include "vector.h"

#include "product.h"

#include "cells.h"

#include "packing.h"

#include "forward.h"

#include "backward.h"

#include "layer.h"

#include "head.h"

#include "objective.h"

#include "update.h"

#include "training.h"

namespace seqforecast {
namespace SEQFORECAST_VARIANT {

extern const Kernels<Real> kernels;
const Kernels<Real> kernels = {SEQFORECAST_NAME, workspace_size, scratch_size, step_size,
                               forward,          backward,       step,         update};

}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
