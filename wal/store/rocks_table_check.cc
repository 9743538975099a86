#include "wal/store/rocks_table_check.h"

#include <filesystem>
#include <fstream>
#include <string_view>

#include "wal/store/little_endian.h"

namespace relay {
namespace {

constexpr std::uint64_t kFooterSize = 53;
constexpr std::uint64_t kHandleAt = 1;  // Behind the type of the checksums.
constexpr std::uint64_t kMagicAt = kFooterSize - 8;
constexpr std::uint64_t kMagic = 0x88e241b785f4cff7ULL;
constexpr std::uint64_t kWord = 4;
constexpr std::uint64_t kMetaindexMax = 1U << 20U;  // Has some hundred bytes.
constexpr std::string_view kProperties = "rocksdb.properties";

struct Handle {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// Reads an integer of seven bits a byte off the front of `text`.
std::optional<std::uint64_t> TakeVarint(std::string_view& text) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80U) return value;
  }
  return std::nullopt;
}

std::optional<Handle> TakeHandle(std::string_view text) {
  const std::optional<std::uint64_t> offset = TakeVarint(text);
  const std::optional<std::uint64_t> size = offset ? TakeVarint(text) : std::nullopt;
  if (!size) return std::nullopt;
  return Handle{*offset, *size};
}

class Table {
 public:
  explicit Table(const std::string& path) : file_(path, std::ios::binary) {
    std::error_code failed;
    const std::uintmax_t size = std::filesystem::file_size(path, failed);
    if (!failed) size_ = size;
  }

  std::optional<Handle> Properties() {
    if (size_ < kFooterSize) return std::nullopt;
    const std::string footer = Read({size_ - kFooterSize, kFooterSize});
    if (footer.empty()) return std::nullopt;
    if (LittleEndian(std::string_view(footer).substr(kMagicAt)) != kMagic) return std::nullopt;
    const auto metaindex = TakeHandle(std::string_view(footer).substr(kHandleAt, kMagicAt));
    if (!metaindex || metaindex->size > kMetaindexMax) return std::nullopt;
    const std::optional<Handle> found = Find(Read(*metaindex));
    if (!found || found->size < kWord || !Holds(*found)) return std::nullopt;
    return found;
  }

  // Empty: the file does not have it.
  std::string Read(const Handle& handle) {
    if (!Holds(handle)) return {};
    std::string text(handle.size, '\0');
    file_.seekg(static_cast<std::streamoff>(handle.offset));
    file_.read(text.data(), static_cast<std::streamsize>(text.size()));
    return file_ ? text : std::string();
  }

 private:
  bool Holds(const Handle& handle) const {
    return handle.size <= size_ && handle.offset <= size_ - handle.size;
  }

  // Walks the rows of a block: how much of the key is shared with the row before, how much is new,
  // the size of the value; the key's rest; the value.
  static std::optional<Handle> Find(const std::string& block) {
    std::string_view rest = block;
    std::string key;
    while (rest.size() > kWord) {
      const auto shared = TakeVarint(rest);
      const auto fresh = shared ? TakeVarint(rest) : std::nullopt;
      const auto value = fresh ? TakeVarint(rest) : std::nullopt;
      if (!value || *shared > key.size() || *fresh > rest.size()) return std::nullopt;
      key.resize(*shared);
      key += rest.substr(0, *fresh);
      rest.remove_prefix(*fresh);
      if (*value > rest.size()) return std::nullopt;
      if (key == kProperties) return TakeHandle(rest.substr(0, *value));
      rest.remove_prefix(*value);
    }
    return std::nullopt;
  }

  std::ifstream file_;
  std::uint64_t size_ = 0;
};

}  // namespace

std::optional<std::uint64_t> PropertiesWordAt(const std::string& table) {
  const std::optional<Handle> properties = Table(table).Properties();
  if (!properties) return std::nullopt;
  return properties->offset + properties->size - kWord;
}

void ClearImpossibleBit(std::string& table, std::uint64_t word_at) {
  char& last = table.at(word_at + kWord - 1);
  last = static_cast<char>(static_cast<unsigned char>(last) & 0x7fU);
}

bool IsSafeToOpen(const std::string& table) {
  constexpr std::uint64_t kHashIndex = 1U << 31U;  // It is never written for properties.
  const std::optional<std::uint64_t> at = PropertiesWordAt(table);
  if (!at) return true;
  const std::string word = Table(table).Read({*at, kWord});
  return word.empty() || (LittleEndian(word) & kHashIndex) == 0;
}

}  // namespace relay
