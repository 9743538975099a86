// Writes the values of a server as line protocol again, with times in nanoseconds, in parts of
// whole lines. A point reads back as it was: floats have all their digits.
//
// THREADS. Each belongs to the thread that scans.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "replay/compare/source.h"
#include "wal/base/types.h"

namespace relay {

struct LinesPart {
  std::string lines;
  PointCount points = 0;
  std::uint64_t values = 0;
};

class LineSink final : public ValueSink {
 public:
  static constexpr std::size_t kPartBytes = 1'000'000;
  static constexpr PointCount kPartPoints = 10'000;

  // Returns whether the value is wanted; `tags` as TagsText returns them.
  using Choice =
      std::function<bool(const std::string& tags, std::int64_t time, const std::string& field)>;

  // `take` receives each part. Without a choice every value is wanted.
  LineSink(std::string measurement, std::function<void(LinesPart)> take, Choice choice = {});

  void Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) override;
  void Point(std::int64_t time) override;
  void Take(std::size_t field, const Value& value) override;

  // Hands out the last part. Call it at the end of a scan.
  void End();

 private:
  void EndLine();

  const std::string measurement_;
  const std::function<void(LinesPart)> take_;
  const Choice choice_;
  std::string key_;   // The series with its measurement, as a line begins.
  std::string tags_;  // Its tags as TagsText, if there is a choice.
  std::vector<std::string> fields_;
  std::vector<std::string> escaped_fields_;
  std::int64_t time_ = 0;
  std::uint64_t values_ = 0;  // Those of the line under way.
  LinesPart part_;
};

}  // namespace relay
