// 4 lanes of whatever the compiler takes for granted: SSE2 on x86, NEON on ARM.
#include "instruction_sets.h"
#define SEQFORECAST_VARIANT plain
#define SEQFORECAST_NAME "plain"
#define SEQFORECAST_ISA SEQFORECAST_PLAIN
#define SEQFORECAST_REAL float
#define SEQFORECAST_LANES 4
#include "variant.h"
