// Parameters in the order in which the products read them.
//
// Forward, panel by panel: 4 bias vectors, the input's weights (inputs x vectors), the recurrent
// ones (hidden x vectors). Gradients come in the same order. Units are padded with zeros to whole
// vectors: the padded states of all cells stay zero.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

inline int vectors_for(int n) { return (n - 1) / lanes + 1; }
inline size_t aligned_size(size_t n) { return (n + 15) / 16 * 16; }

template <class C>
struct Layout {
  int inputs, hidden, blocks, padded, panels;

  Layout(int inputs, int hidden)
      : inputs(inputs),
        hidden(hidden),
        blocks(vectors_for(hidden)),
        padded(blocks * lanes),
        panels(C::gated ? blocks : (blocks + 3) / 4) {}

  // Vectors of a panel of gates; blocks of units in it.
  int vectors(int panel) const {
    if constexpr (C::gated) return 4;
    int left = blocks - 4 * panel;
    return left < 4 ? left : 4;
  }
  int x_vectors(int panel) const {
    if constexpr (C::gated) return C::x_columns;
    return vectors(panel);
  }
  int h_vectors(int panel) const {
    if constexpr (C::gated) return C::h_columns;
    return vectors(panel);
  }
  int h_offset() const {
    if constexpr (C::gated) return C::h_offset * lanes;
    return 0;
  }
  int unit(int panel) const { return C::gated ? panel * lanes : panel * 4 * lanes; }

  size_t panel_size() const { return (4 + ((size_t)inputs + hidden) * 4) * lanes; }
  size_t size() const { return panels * panel_size(); }
  size_t x_rows(int panel) const { return panel * panel_size() + 4 * lanes; }
  size_t h_rows(int panel) const { return x_rows(panel) + (size_t)inputs * 4 * lanes; }

  // Lanes of all gates that a product has, the padded ones included.
  size_t gate_lanes(bool recurrent) const {
    size_t total = 0;
    for (int p = 0; p < panels; p++) total += (recurrent ? h_vectors(p) : x_vectors(p)) * lanes;
    return total;
  }
  size_t transposed_size(bool recurrent) const {
    return gate_lanes(recurrent) * vectors_for(recurrent ? hidden : inputs) * lanes;
  }
};

// Unit and torch's gate of a vector of a panel.
struct Column {
  int unit, gate;
};

template <class C>
inline Column x_column(const Layout<C>& layout, int panel, int vector) {
  if constexpr (C::gated) return {layout.unit(panel), C::x_gate(vector)};
  return {layout.unit(panel) + vector * lanes, 0};
}

template <class C>
inline Column h_column(const Layout<C>& layout, int panel, int vector) {
  if constexpr (C::gated) return {layout.unit(panel), C::h_gate(vector)};
  return {layout.unit(panel) + vector * lanes, 0};
}

// One lane of a packed matrix is one row of torch's: call body(torch_row, packed offset, stride).
template <class C, class Body>
inline void for_lanes(const Layout<C>& layout, int panel, bool recurrent, const Body& body) {
  int vectors = recurrent ? layout.h_vectors(panel) : layout.x_vectors(panel);
  size_t start = recurrent ? layout.h_rows(panel) : layout.x_rows(panel);
  for (int v = 0; v < vectors; v++) {
    Column column = recurrent ? h_column(layout, panel, v) : x_column(layout, panel, v);
    for (int w = 0; w < lanes && column.unit + w < layout.hidden; w++)
      body((size_t)column.gate * layout.hidden + column.unit + w, start + v * lanes + w,
           (size_t)vectors * lanes);
  }
}

// The biases of both products belong to the same columns but for the GRU's n.
template <class C, class Body>
inline void for_biases(const Layout<C>& layout, int panel, const Body& body) {
  for_lanes<C>(layout, panel, false, [&](size_t row, size_t offset, size_t) {
    body(row, offset - 4 * lanes, true, !C::carries || row < (size_t)2 * layout.hidden);
  });
  if constexpr (C::carries) {
    for (int w = 0; w < lanes && layout.unit(panel) + w < layout.hidden; w++)
      body((size_t)2 * layout.hidden + layout.unit(panel) + w,
           panel * layout.panel_size() + 3 * lanes + w, false, true);
  }
}

template <class C>
inline void pack(const Layout<C>& layout, const Parameters<const Real>& from, Real* to) {
  memset(to, 0, layout.size() * sizeof(Real));
  for (int p = 0; p < layout.panels; p++) {
    for_lanes<C>(layout, p, false, [&](size_t row, size_t offset, size_t stride) {
      const Real* source = from.weight_ih + row * layout.inputs;
      for (int k = 0; k < layout.inputs; k++) to[offset + k * stride] = source[k];
    });
    for_lanes<C>(layout, p, true, [&](size_t row, size_t offset, size_t stride) {
      const Real* source = from.weight_hh + row * layout.hidden;
      for (int k = 0; k < layout.hidden; k++) to[offset + k * stride] = source[k];
    });
    for_biases<C>(layout, p, [&](size_t row, size_t offset, bool input, bool recurrent) {
      to[offset] = (input ? from.bias_ih[row] : 0) + (recurrent ? from.bias_hh[row] : 0);
    });
  }
}

// One value, summed over all parts in their order.
inline Real sum_of_parts(const Real* from, int parts, size_t part_size, size_t offset) {
  Real value = from[offset];
  for (int i = 1; i < parts; i++) value += from[i * part_size + offset];
  return value;
}

// Sum the gradients of all parts, part by part, into torch's layout.
template <class C>
inline void unpack(const Layout<C>& layout, const Real* from, int parts, size_t part_size,
                   const Parameters<Real>& to) {
  auto total = [=](size_t offset) { return sum_of_parts(from, parts, part_size, offset); };
  for (int p = 0; p < layout.panels; p++) {
    for_lanes<C>(layout, p, false, [&](size_t row, size_t offset, size_t stride) {
      for (int k = 0; k < layout.inputs; k++)
        to.weight_ih[row * layout.inputs + k] = total(offset + k * stride);
    });
    for_lanes<C>(layout, p, true, [&](size_t row, size_t offset, size_t stride) {
      for (int k = 0; k < layout.hidden; k++)
        to.weight_hh[row * layout.hidden + k] = total(offset + k * stride);
    });
    for_biases<C>(layout, p, [&](size_t row, size_t offset, bool input, bool recurrent) {
      Real value = total(offset);
      if (input) to.bias_ih[row] = value;
      if (recurrent) to.bias_hh[row] = value;
    });
  }
}

// The matrix that takes the gradient by the gates back: by the state (recurrent), or by the input.
// For each group of up to four vectors of outputs, a row for every lane of every panel.
template <class C>
inline void pack_transposed(const Layout<C>& layout, const Real* weight, bool recurrent, Real* to) {
  int outputs = recurrent ? layout.hidden : layout.inputs, blocks = vectors_for(outputs);
  for (int first = 0; first < blocks; first += 4) {
    int width = (blocks - first < 4 ? blocks - first : 4) * lanes;
    int start = first * lanes, known = outputs - start < width ? outputs - start : width;
    for (int p = 0; p < layout.panels; p++) {
      int vectors = recurrent ? layout.h_vectors(p) : layout.x_vectors(p);
      for (int v = 0; v < vectors; v++) {
        Column column = recurrent ? h_column(layout, p, v) : x_column(layout, p, v);
        for (int w = 0; w < lanes; w++, to += width) {
          int unit = column.unit + w, filled = unit < layout.hidden ? known : 0;
          size_t row = (size_t)column.gate * layout.hidden + unit;
          if (filled) memcpy(to, weight + row * outputs + start, filled * sizeof(Real));
          memset(to + filled, 0, (width - filled) * sizeof(Real));
        }
      }
    }
  }
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
