#include "replay/batch/sendable.h"

#include <utility>

#include "wal/base/utf8.h"
#include "wal/record/lines.h"

namespace relay {

SendableRecord FindSendable(std::shared_ptr<const Record> record) {
  const bool is_harmless =
      record->params.api == Api::kStatement ||
      record->memo.Answer(LinesQuestion::kAreAscii, [&] { return IsAscii(record->lines); });
  if (is_harmless) return {std::move(record), {}};
  Record kept{.params = record->params};
  std::vector<UnsendableLine> unsendable;
  std::uint32_t number = 0;
  for (LineWalk walk(record->lines); !walk.AtEnd();) {
    const std::string_view line = walk.Next();
    ++number;
    if (NamesAreUtf8(line)) {
      kept.lines += line;
      ++kept.points;
    } else {
      unsendable.push_back({number, std::string(line)});
    }
  }
  if (unsendable.empty()) return {std::move(record), {}};
  if (kept.points == 0) return {nullptr, std::move(unsendable)};
  return {std::make_shared<const Record>(std::move(kept)), std::move(unsendable)};
}

}  // namespace relay
