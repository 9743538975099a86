# Writes the C++ source that holds the dashboard's files:
#   cmake -D FOLDER=relay/admin/dashboard -D OUT=dashboard_files.cc -P embed.cmake
file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/*)
list(FILTER files EXCLUDE REGEX "\\.cmake$")
list(SORT files)
set(arrays "")
set(entries "")
set(number 0)
foreach(name ${files})
  file(READ ${FOLDER}/${name} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" text "${hex}")
  # A line of its own for every 30 bytes or so: no compiler likes endless ones.
  string(REGEX REPLACE "(\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..\\\\x..)" "\\1\"\n    \"" text "${text}")
  string(APPEND arrays "constexpr char kFile${number}[] =\n    \"${text}\";\n")
  string(APPEND entries "      {\"${name}\", {kFile${number}, ${size}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "#include \"relay/admin/dashboard.h\"

namespace relay {
namespace {
${arrays}
}  // namespace

const std::vector<DashboardFile>& DashboardFiles() {
  static const std::vector<DashboardFile> files = {
${entries}  };
  return files;
}

}  // namespace relay
")
