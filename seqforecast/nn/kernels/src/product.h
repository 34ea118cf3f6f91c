// Matrix products on a block of rows that stays in registers.
namespace seqforecast {
namespace SEQFORECAST_VARIANT {
namespace {

// Rows of a register block of `vectors` columns: as many as leave room for the operands.
#if SEQFORECAST_ISA == SEQFORECAST_AVX512 || defined(__aarch64__)
constexpr int block_rows(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : 12; }
constexpr bool hold_columns(int, int) { return true; }
#else
constexpr int block_rows(int vectors) {
  return vectors == 4 ? 3 : vectors == 3 ? 4 : vectors == 2 ? 6 : 8;
}
// With 16 registers, the smaller set of operands is held in them.
constexpr bool hold_columns(int rows, int vectors) { return rows >= vectors; }
#endif

// Calls body.template run<m>(first) for a number of rows that is known at run time.
template <int M, class Body>
INLINE void with_rows(int m, int first, const Body& body) {
  if (m == M) {
    body.template run<M>(first);
  } else if constexpr (M > 1) {
    with_rows<M - 1>(m, first, body);
  }
}

// The same for all rows, in blocks of at most Max rows that differ by one row at most.
template <int Max, class Body>
INLINE void for_row_blocks(int rows, const Body& body) {
  int blocks = (rows + Max - 1) / Max;
  for (int i = 0, first = 0; i < blocks; i++) {
    int m = (rows - first) / (blocks - i);
    with_rows<Max>(m, first, body);
    first += m;
  }
}

// acc[m][Offset + j] += sum over k of a[m * a_stride + k * a_step] * b[k * b_stride + j]
template <int M, int N, int Offset, int All>
INLINE void multiply_add(Vec (&acc)[M][All], const Real* a, size_t a_stride, size_t a_step,
                         int depth, const Real* b, size_t b_stride) {
  ROLL for (int k = 0; k < depth; k++, a += a_step, b += b_stride) {
    if constexpr (hold_columns(M, N)) {
      Vec column[N];
      UNROLL for (int j = 0; j < N; j++) column[j] = load(b + j * lanes);
      UNROLL for (int m = 0; m < M; m++) {
        Vec row = broadcast(a[m * a_stride]);
        UNROLL for (int j = 0; j < N; j++) acc[m][Offset + j] += row * column[j];
      }
    } else {
      Vec row[M];
      UNROLL for (int m = 0; m < M; m++) row[m] = broadcast(a[m * a_stride]);
      UNROLL for (int j = 0; j < N; j++) {
        Vec column = load(b + j * lanes);
        UNROLL for (int m = 0; m < M; m++) acc[m][Offset + j] += row[m] * column;
      }
    }
  }
}

template <int N>
struct Product {
  int depth;
  const Real *a, *b, *start;
  size_t a_stride, start_stride;
  Real* out;
  size_t out_stride;

  template <int M>
  NOINLINE void run(int first) const {
    Vec acc[M][N];
    UNROLL for (int m = 0; m < M; m++) UNROLL for (int j = 0; j < N; j++)
        acc[m][j] = load(start + (first + m) * start_stride + j * lanes);
    multiply_add<M, N, 0>(acc, a + first * a_stride, a_stride, 1, depth, b, N * lanes);
    UNROLL for (int m = 0; m < M; m++) UNROLL for (int j = 0; j < N; j++)
        store(out + (first + m) * out_stride + j * lanes, acc[m][j]);
  }
};

template <int N>
struct OuterProduct {
  int rows;
  const Real *a, *d;
  size_t a_stride, d_stride;
  Real* out;

  template <int M>
  NOINLINE void run(int first) const {
    Vec acc[M][N];
    Real* to = out + (size_t)first * N * lanes;
    UNROLL for (int m = 0; m < M; m++) UNROLL for (int j = 0; j < N; j++)
        acc[m][j] = load(to + (m * N + j) * lanes);
    multiply_add<M, N, 0>(acc, a + first, 1, a_stride, rows, d, d_stride);
    UNROLL for (int m = 0; m < M; m++) UNROLL for (int j = 0; j < N; j++)
        store(to + (m * N + j) * lanes, acc[m][j]);
  }
};

// Calls body(Vectors<n>()) for a number of vectors that is known at run time.
template <int N>
struct Vectors {
  static constexpr int value = N;
};

template <class Body>
INLINE void with_vectors(int vectors, const Body& body) {
  switch (vectors) {
    case 4: return body(Vectors<4>());
    case 3: return body(Vectors<3>());
    case 2: return body(Vectors<2>());
    default: return body(Vectors<1>());
  }
}

// out[r] = start[r] + a[r] b for rows of `vectors` vectors, b being (depth, vectors * lanes).
// With start_stride 0 every row starts from the same values.
inline void product(int rows, int depth, int vectors, const Real* a, size_t a_stride,
                    const Real* b, const Real* start, size_t start_stride, Real* out,
                    size_t out_stride) {
  with_vectors(vectors, [&](auto n) {
    constexpr int N = decltype(n)::value;
    for_row_blocks<block_rows(N)>(
        rows, Product<N>{depth, a, b, start, a_stride, start_stride, out, out_stride});
  });
}

// out[k] += sum over r of a[r][k] d[r], for k < depth, in rows of `vectors` vectors.
inline void outer_product(int rows, int depth, int vectors, const Real* a, size_t a_stride,
                          const Real* d, size_t d_stride, Real* out) {
  with_vectors(vectors, [&](auto n) {
    constexpr int N = decltype(n)::value;
    for_row_blocks<block_rows(N)>(depth, OuterProduct<N>{rows, a, d, a_stride, d_stride, out});
  });
}

// out += sum over r of d[r]
inline void sum_rows(int rows, int vectors, const Real* d, size_t d_stride, Real* out) {
  with_vectors(vectors, [&](auto n) {
    constexpr int N = decltype(n)::value;
    Vec acc[N];
    UNROLL for (int j = 0; j < N; j++) acc[j] = load(out + j * lanes);
    for (int r = 0; r < rows; r++, d += d_stride)
      UNROLL for (int j = 0; j < N; j++) acc[j] += load(d + j * lanes);
    UNROLL for (int j = 0; j < N; j++) store(out + j * lanes, acc[j]);
  });
}

}  // namespace
}  // namespace SEQFORECAST_VARIANT
}  // namespace seqforecast
