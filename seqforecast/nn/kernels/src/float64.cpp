// The same source in double precision, for checking derivatives by finite differences.
#include "instruction_sets.h"
#define SEQFORECAST_VARIANT float64
#define SEQFORECAST_NAME "float64"
#define SEQFORECAST_ISA SEQFORECAST_FLOAT64
#define SEQFORECAST_REAL double
#define SEQFORECAST_LANES 2
#include "variant.h"
