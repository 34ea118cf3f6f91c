// What a variant of the kernels offers, and the terms it is asked in. A variant is the same source
// compiled for one instruction set; nothing here has code, so that no linker can mix variants.
#pragma once
#include <stddef.h>

namespace seqforecast {

enum class Cell { tanh, relu, lstm, gru };

enum class Loss { squared, absolute, huber, pinball };

// Values at every step of every window: value j of window b at step t is
// data[b * window_stride + t * step_stride + j].
template <class Real>
struct Sequence {
  Real* data = nullptr;
  size_t window_stride = 0, step_stride = 0;
};

// Parameters of a layer in torch's layout and gate order, or their gradients.
template <class Real>
struct Parameters {
  Real *weight_ih, *weight_hh, *bias_ih, *bias_hh;
};

struct Shape {
  Cell cell;
  int batch, window, inputs, hidden;
};

// Runs body(context, i, thread) for i = 0 ... n - 1, on `threads` threads numbered from 0.
struct Runner {
  void (*run)(const Runner&, int n, void (*body)(void*, int, int), void* context);
  int threads;
};

template <class Real>
struct ForwardCall {
  Shape shape;
  Sequence<const Real> x;
  const Real *h0, *c0;  // (batch, hidden), or null for zero
  Parameters<const Real> parameters;
  Sequence<Real> output;  // hidden state at every step; no data: not wanted
  Real *h_last, *c_last;  // (batch, hidden)
  bool keep;              // whether a backward pass will follow
  Real* workspace;        // workspace_size values; holds what that pass needs
};

template <class Real>
struct BackwardCall {
  Shape shape;
  const Real* workspace;                // as the forward pass left it
  bool initial;                         // whether that pass had an initial state
  Sequence<const Real> grad_output;     // no data: zero
  const Real *grad_h_last, *grad_c_last;  // (batch, hidden), or null for zero
  Parameters<const Real> parameters;
  Parameters<Real> gradient;
  Sequence<Real> grad_x;      // no data: not wanted
  Real *grad_h0, *grad_c0;    // (batch, hidden), or null: not wanted
  Real* scratch;              // scratch_size values
};

// A network of recurrent layers with a linear or quantile head, and what it is trained with.
// Parameters and all that belongs to them lie in flat buffers, in the order layer by layer
// weight_ih, weight_hh, bias_ih, bias_hh, then weight and bias of the head.
template <class Real>
struct Network {
  Cell cell;
  int inputs, hidden, layers, outputs;
  int levels;          // quantile levels of every output; 0 is a linear head
  int median;          // the level that the others are steps from
  const Real* quantiles;  // (levels)
  Loss loss;
};

// A step of Adam on flat buffers of `size` values.
template <class Real>
struct Update {
  size_t size;
  Real *parameters, *gradient, *mean, *square;
  const Real* decay;         // weight decay of each parameter, or null for none
  bool decoupled;            // decay as in AdamW
  double beta1, beta2, eps;
  double max_norm;           // largest gradient norm that passes; 0 is no limit
  double lr;
  long step;                 // number of this step, from 1
  double norm;               // result: gradient norm before clipping
  bool skipped;              // result: the norm is not finite, and nothing has changed
};

template <class Real>
struct StepCall {
  Network<Real> network;
  int batch, window;
  bool every_step;              // whether there is a target at every step, or at the last alone
  Sequence<const Real> x;
  Sequence<const Real> target;  // NaN is no target
  const Real* weight;           // (batch), or null for 1
  Update<Real> update;
  Real* workspace;              // step_size values; need not be kept
  double loss;                  // result: mean over the targets that are there
};

template <class Real>
struct Kernels {
  const char* name;
  size_t (*workspace_size)(const Shape&, bool keep);
  size_t (*scratch_size)(const Shape&);
  size_t (*step_size)(const StepCall<Real>&, int threads);
  void (*forward)(const ForwardCall<Real>&, const Runner&);
  void (*backward)(const BackwardCall<Real>&, const Runner&);
  void (*step)(StepCall<Real>&, const Runner&);
  void (*update)(Update<Real>&);
};

}  // namespace seqforecast
