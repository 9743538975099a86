// Measures the columns of line protocol beside zstd as the log uses it, on one core: for bodies of
// several kinds and sizes, in turns, how often its speed of writing, its speed of writing and
// reading back, its speed of reading, and its ratio are those of zstd.
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/support/line_bodies.h"
#include "wal/base/invariant.h"
#include "wal/columns/columns.h"
#include "wal/compression/zstd.h"

namespace relay::bench {
namespace {

constexpr std::size_t kBytesOfTurn = 2'000'000;

// Returns processor time: other programs on the machine affect it less.
double SecondsUsed() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// Different bodies of one kind and size, 2 MB of them or one.
std::vector<std::string> Bodies(const test::BodyKind& kind, unsigned lines) {
  std::vector<std::string> bodies;
  std::size_t size = 0;
  for (std::uint64_t first = 0; size < kBytesOfTurn / 4; first += lines) {
    bodies.push_back(kind.make(first, lines));
    size += bodies.back().size();
  }
  return bodies;
}

template <typename Work>
double SecondsOf(const std::vector<std::string>& bodies, Work work) {
  const double start = SecondsUsed();
  for (int i = 0; i < 4; ++i) {
    for (std::size_t body = 0; body < bodies.size(); ++body) work(body);
  }
  return SecondsUsed() - start;
}

struct Codecs {
  explicit Codecs(const std::vector<std::string>& plain) : bodies(plain) {
    for (const std::string& body : bodies) {
      plain_size += body.size();
      columns.emplace_back();
      if (!AppendColumns(body, columns.back())) ++declined;
      columns_size += columns.back().empty() ? body.size() : columns.back().size();
      zstd.emplace_back();
      if (!AppendCompressed(body, zstd.back())) zstd.back().clear();
      zstd_size += zstd.back().empty() ? body.size() : zstd.back().size();
    }
  }

  double WriteColumns() {
    return SecondsOf(bodies, [&](std::size_t i) {
      out.clear();
      AppendColumns(bodies[i], out);
    });
  }
  double WriteAndCheckColumns() {
    return SecondsOf(bodies, [&](std::size_t i) {
      out.clear();
      if (!AppendColumns(bodies[i], out)) return;
      INVARIANT(DecodeColumns(out, Bytes(bodies[i].size())).value() == bodies[i]);
    });
  }
  double ReadColumns() {
    return SecondsOf(bodies, [&](std::size_t i) {
      if (!columns[i].empty()) out = DecodeColumns(columns[i], Bytes(bodies[i].size())).value();
    });
  }
  double WriteZstd() {
    return SecondsOf(bodies, [&](std::size_t i) {
      out.clear();
      AppendCompressed(bodies[i], out);
    });
  }
  double ReadZstd() {
    return SecondsOf(bodies, [&](std::size_t i) {
      if (!zstd[i].empty()) out = Decompress(zstd[i], Bytes(bodies[i].size())).value();
    });
  }

  const std::vector<std::string>& bodies;
  std::vector<std::string> columns;  // Empty: declined.
  std::vector<std::string> zstd;
  std::size_t plain_size = 0;
  std::size_t columns_size = 0;
  std::size_t zstd_size = 0;
  std::size_t declined = 0;
  std::string out;
};

void Print(const test::BodyKind& kind, unsigned lines, unsigned rounds) {
  const std::vector<std::string> bodies = Bodies(kind, lines);
  Codecs codecs(bodies);
  std::vector<double> write;
  std::vector<double> check;
  std::vector<double> read;
  std::vector<double> zstd_write;
  for (unsigned round = 0; round < rounds; ++round) {
    const double zstd = codecs.WriteZstd();
    zstd_write.push_back(zstd);
    write.push_back(zstd / codecs.WriteColumns());
    check.push_back(zstd / codecs.WriteAndCheckColumns());
    read.push_back(codecs.ReadZstd() / codecs.ReadColumns());
  }
  const auto plain = static_cast<double>(codecs.plain_size);
  const double zstd_ratio = plain / static_cast<double>(codecs.zstd_size);
  const double ratio = plain / static_cast<double>(codecs.columns_size);
  fmt::print("{:<9}{:>6} lines {:>8} bytes   zstd {:>5.0f} MB/s {:>6.2f}:1   columns {:>6.2f}:1   ",
             kind.name, lines, codecs.plain_size / bodies.size(),
             4 * plain / Median(zstd_write) / 1e6, zstd_ratio, ratio);
  if (codecs.declined == bodies.size()) {
    fmt::print("declined in {:.2f} of zstd's time\n", 1 / Median(write));
    return;
  }
  fmt::print("x{:.2f} written, x{:.2f} written and checked, x{:.2f} read, x{:.2f} ratio\n",
             Median(write), Median(check), Median(read), ratio / zstd_ratio);
}

int Main(int argc, char** argv) {
  const Options options("Measures the columns of line protocol beside zstd.",
                        {{"lines", "1,5,20,100,1000,5000", "lines of a body"},
                         {"rounds", "9", "turns of each; the median of the quotients is shown"},
                         {"kinds", "", "only kinds of bodies that this text names"}},
                        argc, argv);
  for (const test::BodyKind& kind : test::BodyKinds()) {
    const std::string& kinds = options.Text("kinds");
    if (!kinds.empty() && kinds.find(kind.name) == std::string::npos) continue;
    for (const unsigned lines : options.Counts("lines")) {
      Print(kind, lines, options.Count("rounds"));
    }
  }
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
