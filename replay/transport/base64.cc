#include "replay/transport/base64.h"

#include <openssl/evp.h>

namespace relay {
namespace {

const unsigned char* BytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), BytesOf(bytes),
                  static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

std::optional<std::string> DecodeBase64(std::string_view text, std::size_t size_max) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string padded(text);
  padded.append((4 - padded.size() % 4) % 4, '=');
  if (padded.empty() || padded.size() > size_max) return std::nullopt;
  std::string plain(padded.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(plain.data()), BytesOf(padded),
                                   static_cast<int>(padded.size()));
  if (size < 0) return std::nullopt;
  plain.resize(static_cast<std::size_t>(size) - (padded.size() - text.size()));
  return plain;
}

}  // namespace relay
