// The output layer: a linear map from states to forecasts, forward and back.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

// A matrix in groups of up to four vectors of columns, each group row by row.
struct Grouped {
  int rows, columns;

  int padded() const { return vectors_for(columns) * lanes; }
  size_t size() const { return (size_t)rows * padded(); }

  // Calls body(first vector, vectors, offset of the group).
  template <class Body>
  void for_groups(const Body& body) const {
    const int blocks = vectors_for(columns);
    for (int first = 0; first < blocks; first += 4)
      body(first, blocks - first < 4 ? blocks - first : 4, (size_t)first * lanes * rows);
  }

  // to(r, c) = value(r, c), with zeros beyond the last column.
  template <class Value>
  void pack(Real* to, const Value& value) const {
    for_groups([&](int first, int vectors, size_t offset) {
      const int width = vectors * lanes;
      for (int r = 0; r < rows; r++)
        for (int j = 0; j < width; j++) {
          const int column = first * lanes + j;
          to[offset + (size_t)r * width + j] = column < columns ? value(r, column) : 0;
        }
    });
  }
};

struct LinearHead {
  int hidden, outputs;

  Grouped forward_matrix() const { return {hidden, outputs}; }
  Grouped backward_matrix() const { return {outputs, hidden}; }
  int padded() const { return forward_matrix().padded(); }

  size_t packed_size() const {
    return aligned_size(forward_matrix().size()) + aligned_size(backward_matrix().size()) +
           aligned_size(padded());
  }
  size_t gradient_size() const {
    return aligned_size(backward_matrix().size()) + aligned_size(padded());
  }
  size_t weights() const { return (size_t)outputs * hidden; }

  const Real* backward_at(const Real* packed) const {
    return packed + aligned_size(forward_matrix().size());
  }
  const Real* bias_at(const Real* packed) const {
    return backward_at(packed) + aligned_size(backward_matrix().size());
  }

  // Weight (outputs, hidden) and bias (outputs), as torch has them.
  void pack(const Real* weight, const Real* bias, Real* to) const {
    auto at = [&](int output, int unit) { return weight[(size_t)output * hidden + unit]; };
    forward_matrix().pack(to, [&](int unit, int output) { return at(output, unit); });
    backward_matrix().pack(const_cast<Real*>(backward_at(to)), at);
    Real* padded_bias = const_cast<Real*>(bias_at(to));
    memset(padded_bias, 0, padded() * sizeof(Real));
    memcpy(padded_bias, bias, outputs * sizeof(Real));
  }

  // Rows of forecasts, `padded()` apart, from rows of states.
  void forward(int rows, const Real* packed, const Real* h, size_t h_stride, Real* to) const {
    forward_matrix().for_groups([&](int first, int vectors, size_t offset) {
      product(rows, hidden, vectors, h, h_stride, packed + offset,
              bias_at(packed) + first * lanes, 0, to + first * lanes, padded());
    });
  }

  // From the gradient by the forecasts: by the states, and added up by the parameters.
  void backward(int rows, const Real* packed, const Real* h, size_t h_stride, const Real* from,
                Real* grad_h, Real* gradient) const {
    static const Real zeros[4 * lanes] = {};
    const Grouped matrix = backward_matrix();
    matrix.for_groups([&](int first, int vectors, size_t offset) {
      product(rows, outputs, vectors, from, padded(), backward_at(packed) + offset, zeros, 0,
              grad_h + first * lanes, h_stride);
      outer_product(rows, outputs, vectors, from, padded(), h + first * lanes, h_stride,
                    gradient + offset);
    });
    Real* bias = gradient + aligned_size(matrix.size());
    forward_matrix().for_groups([&](int first, int vectors, size_t) {
      sum_rows(rows, vectors, from + first * lanes, padded(), bias + first * lanes);
    });
  }

  void unpack(const Real* from, int parts, size_t part_size, Real* weight, Real* bias) const {
    auto total = [=](size_t offset) { return sum_of_parts(from, parts, part_size, offset); };
    backward_matrix().for_groups([&](int first, int vectors, size_t offset) {
      const int width = vectors * lanes, start = first * lanes;
      for (int o = 0; o < outputs; o++)
        for (int j = 0; j < width && start + j < hidden; j++)
          weight[(size_t)o * hidden + start + j] = total(offset + (size_t)o * width + j);
    });
    for (int o = 0; o < outputs; o++)
      bias[o] = total(aligned_size(backward_matrix().size()) + o);
  }
};

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
