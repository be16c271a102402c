//===- Approximate.cpp - Structured maps close to a matrix ----------------===//
#include "strut/Algebra/Approximate.h"
#include "Dense.h"
#include <Eigen/Eigenvalues>
#include <algorithm>

namespace strut::algebra {

std::vector<int64_t> Factors::shuffle() const {
  std::vector<int64_t> from;
  for (int64_t to = 0; to < blocks; ++to)
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t i = 0; i < rank; ++i)
        from.push_back((block * blocks + to) * rank + i);
  return from;
}

double Factors::parameters() const {
  return double(blocks) * blocks * rank * (first[0].rows() + second[0].cols());
}

static Map blockDiagonal(const std::vector<Matrix> &matrices) {
  std::vector<Map> maps;
  for (const Matrix &matrix : matrices)
    maps.push_back(Map::dense(matrix));
  return Map::blockDiagonal(std::move(maps));
}

Matrix Factors::materialise() const {
  return Map::chain({blockDiagonal(first), Map::selection(blocks * blocks * rank, shuffle()),
                     blockDiagonal(second)})
      .materialise();
}

namespace {

/// A piece W of the matrix and its singular values and vectors on the shorter side,
/// as eigenvalues and eigenvectors of W Wᵀ or Wᵀ W, the largest first. Squares below
/// 1e-16 of the largest are noise, far below any tolerance that is worth a form.
struct Piece {
  RowMajor values;
  bool isWide;
  Eigen::MatrixXd vectors;
  Eigen::VectorXd squares;

  explicit Piece(RowMajor piece)
      : values(std::move(piece)), isWide(values.rows() <= values.cols()) {
    Eigen::MatrixXd gram =
        isWide ? (values * values.transpose()).eval() : (values.transpose() * values).eval();
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
    vectors = solver.eigenvectors().rowwise().reverse();
    squares = solver.eigenvalues().reverse().cwiseMax(0);
  }

  int64_t mostRank() const { return squares.size(); }

  /// W ≈ down · up: the projection to the leading `rank` vectors.
  std::pair<RowMajor, RowMajor> factors(int64_t rank) const {
    auto leading = vectors.leftCols(rank);
    if (isWide)
      return {leading, leading.transpose() * values};
    return {values * leading, leading.transpose()};
  }
};

/// A matrix cut into blocks x blocks pieces, those of a row of pieces together.
struct Pieces {
  int64_t blocks;
  std::vector<Piece> pieces;

  Pieces(const Matrix &matrix, int64_t blocks) : blocks(blocks) {
    int64_t rows = matrix.rows() / blocks, cols = matrix.cols() / blocks;
    for (int64_t from = 0; from < blocks; ++from)
      for (int64_t to = 0; to < blocks; ++to)
        pieces.emplace_back(dense(matrix).block(from * rows, to * cols, rows, cols));
  }

  /// The least rank that leaves no more than `allowed` of the squared norm.
  int64_t rankFor(double allowed) const {
    int64_t rank = pieces.front().mostRank();
    double left = 0;
    while (rank > 1) {
      double more = 0;
      for (const Piece &piece : pieces)
        more += piece.squares[rank - 1];
      if (left + more > allowed)
        break;
      left += more;
      --rank;
    }
    return rank;
  }

  Factors factors(int64_t rank) const {
    int64_t rows = pieces.front().values.rows(), cols = pieces.front().values.cols();
    Factors result{blocks, rank, {}, {}};
    result.first.assign(blocks, Matrix(rows, blocks * rank));
    result.second.assign(blocks, Matrix(blocks * rank, cols));
    for (int64_t from = 0; from < blocks; ++from)
      for (int64_t to = 0; to < blocks; ++to) {
        auto [down, up] = pieces[from * blocks + to].factors(rank);
        dense(result.first[from]).middleCols(to * rank, rank) = down;
        dense(result.second[to]).middleRows(from * rank, rank) = up;
      }
    return result;
  }
};

} // namespace

std::optional<Factors> approximate(const Matrix &matrix, double tolerance,
                                   const std::vector<int64_t> &blocks) {
  double allowed = tolerance * tolerance * dense(matrix).squaredNorm();
  double fewest = double(matrix.rows()) * matrix.cols();
  std::optional<Pieces> best;
  int64_t bestRank = 0;
  for (int64_t count : blocks) {
    if (matrix.rows() % count != 0 || matrix.cols() % count != 0)
      continue;
    Pieces pieces(matrix, count);
    int64_t rank = pieces.rankFor(allowed);
    double parameters = double(rank) * count * (matrix.rows() + matrix.cols());
    if (parameters >= fewest)
      continue;
    fewest = parameters;
    best = std::move(pieces);
    bestRank = rank;
  }
  if (!best)
    return std::nullopt;
  return best->factors(bestRank);
}

double relativeError(const Matrix &a, const Matrix &b) {
  double norm = dense(b).norm(), distance = (dense(a) - dense(b)).norm();
  return distance == 0 ? 0 : distance / norm;
}

} // namespace strut::algebra
