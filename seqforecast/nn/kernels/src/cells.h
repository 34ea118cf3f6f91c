// The cells: how their gate columns are ordered, and what follows the product at each step.
//
// A panel is what one register block computes: the gates of `lanes` units (LSTM, GRU), or up to
// four times `lanes` units (RNN, which has one gate). Of each cell the rest must know whether it
//   gated       keeps four vectors a unit vector, between them all that the way back needs,
//   has_memory  has a state c beside h,
//   carries     passes a share of the gradient by h on to the former h, past the gates;
// and of a gated one, which of its four columns the products with x and with h have, and which of
// torch's row blocks these are.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

// h = phi(a)
template <bool Relu>
struct Elman {
  static constexpr bool gated = false, has_memory = false, carries = false;
  static constexpr int gates = 1;

  static INLINE Vec activate(Vec a) { return Relu ? rectify(a) : hyperbolic_tangent(a); }
  static INLINE Vec differentiate(Vec dh, Vec h) {
    return Relu ? where_positive(h, dh) : dh * (broadcast(1) - h * h);
  }
};

// c = f c + i g, h = o tanh(c); gates in the order i, f, g, o, as torch has them.
struct Lstm {
  static constexpr bool gated = true, has_memory = true, carries = false;
  static constexpr int gates = 4, x_columns = 4, h_columns = 4, h_offset = 0;
  static constexpr int x_gate(int column) { return column; }
  static constexpr int h_gate(int column) { return column; }

  template <bool Keep>
  static INLINE void activate(const Vec* a, const Real* c_before, const Real*, Real* gates_to,
                              Real* c_to, Real* h_to) {
    Vec i = sigmoid(a[0]), f = sigmoid(a[1]), g = hyperbolic_tangent(a[2]), o = sigmoid(a[3]);
    Vec c = f * load(c_before) + i * g;
    if constexpr (Keep) {
      store(gates_to, i);
      store(gates_to + lanes, f);
      store(gates_to + 2 * lanes, g);
      store(gates_to + 3 * lanes, o);
    }
    store(c_to, c);
    store(h_to, o * hyperbolic_tangent(c));
  }

  // From the gradient by h, and by c in `carry`: by the gates' arguments, and by the former c.
  // tanh(c) is h / o, and o is never zero.
  static INLINE void differentiate(Vec dh, const Real* gate, const Real* c_before, const Real* h,
                                   const Real*, Real* carry, Real* to) {
    const Vec one = broadcast(1);
    Vec i = load(gate), f = load(gate + lanes), g = load(gate + 2 * lanes);
    Vec o = load(gate + 3 * lanes), tanh_c = load(h) * reciprocal(o);
    Vec dc = load(carry) + dh * o * (one - tanh_c * tanh_c);
    store(to, dc * g * (i * (one - i)));
    store(to + lanes, dc * load(c_before) * (f * (one - f)));
    store(to + 2 * lanes, dc * i * (one - g * g));
    store(to + 3 * lanes, dh * tanh_c * (o * (one - o)));
    store(carry, dc * f);
  }
};

// n = tanh(n_x + r n_h), h = n + z (h - n). Four columns: n_x, r, z, n_h; the product with x has
// the first three, that with h the last three.
struct Gru {
  static constexpr bool gated = true, has_memory = false, carries = true;
  static constexpr int gates = 3, x_columns = 3, h_columns = 3, h_offset = 1;
  static constexpr int x_gate(int column) { return column == 0 ? 2 : column - 1; }
  static constexpr int h_gate(int column) { return column; }

  template <bool Keep>
  static INLINE void activate(const Vec* a, const Real*, const Real* h_before, Real* gates_to,
                              Real*, Real* h_to) {
    Vec r = sigmoid(a[1]), z = sigmoid(a[2]), n = hyperbolic_tangent(a[0] + r * a[3]);
    if constexpr (Keep) {
      store(gates_to, n);
      store(gates_to + lanes, r);
      store(gates_to + 2 * lanes, z);
      store(gates_to + 3 * lanes, a[3]);
    }
    store(h_to, n + z * (load(h_before) - n));
  }

  // From the gradient by h: by the gates' arguments; what goes past the gates to the former h is
  // left in `carry`.
  static INLINE void differentiate(Vec dh, const Real* gate, const Real*, const Real*,
                                   const Real* h_before, Real* carry, Real* to) {
    const Vec one = broadcast(1);
    Vec n = load(gate), r = load(gate + lanes), z = load(gate + 2 * lanes);
    Vec n_h = load(gate + 3 * lanes), dn = dh * (one - z) * (one - n * n);
    store(to, dn);
    store(to + lanes, dn * n_h * (r * (one - r)));
    store(to + 2 * lanes, dh * (load(h_before) - n) * (z * (one - z)));
    store(to + 3 * lanes, dn * r);
    store(carry, dh * z);
  }
};

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
