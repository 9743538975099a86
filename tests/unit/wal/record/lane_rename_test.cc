#include "wal/record/lane_rename.h"

#include <doctest/doctest.h>

namespace relay::test::wal_record_lane_rename_test {
namespace {

LaneRename Rename(std::string_view from, std::string_view to) {
  return {LaneName::Parse(from).value(), LaneName::Parse(to).value()};
}

// Returns "DATABASE|POLICY" after the renames.
std::string Named(const std::vector<LaneRename>& renames, const std::string& database,
                  const std::string& policy = "") {
  const WriteParams params = Renamed(renames, {.database = database, .retention_policy = policy});
  return params.database + '|' + params.retention_policy;
}

TEST_CASE("rename: a database alone stands for all of its policies, which stay") {
  const std::vector<LaneRename> renames = {Rename("metrics", "metrics_eu")};
  CHECK_EQ(Named(renames, "metrics"), "metrics_eu|");
  CHECK_EQ(Named(renames, "metrics", "week"), "metrics_eu|week");
  CHECK_EQ(Named(renames, "metrics2"), "metrics2|");
}

TEST_CASE("rename: with a slash it stands for one policy, or for none") {
  const std::vector<LaneRename> renames = {Rename("m/week", "archive/forever"),
                                           Rename("m/", "m/week"), Rename("m/day", "daily"),
                                           Rename("m", "rest/")};
  CHECK_EQ(Named(renames, "m", "week"), "archive|forever");
  CHECK_EQ(Named(renames, "m"), "m|week");
  CHECK_EQ(Named(renames, "m", "day"), "daily|day");
  CHECK_EQ(Named(renames, "m", "year"), "rest|");
}

TEST_CASE("rename: the first entry that fits counts, and only it") {
  CHECK_EQ(Named({Rename("a", "b"), Rename("b", "c"), Rename("a", "d")}, "a"), "b|");
}

TEST_CASE("rename: a name with a slash is a database and a policy to servers that have those") {
  struct Row {
    const char* database;
    const char* policy;
    const char* there;
  };
  for (const Row& row : {Row{"db", "", "db|"}, Row{"db", "week", "db|week"}, Row{"db/", "", "db|"},
                         Row{"db/week", "", "db|week"}, Row{"db//", "", "db|/"},
                         Row{"db/a/", "", "db|a/"}, Row{"/x", "", "/x|"}, Row{"/", "", "/|"},
                         Row{"//", "", "//|"}, Row{"a/b", "week", "a/b|week"}, Row{"", "", "|"}}) {
    CAPTURE(row.database);
    const WriteParams there =
        AsDatabase({.database = row.database, .retention_policy = row.policy});
    CHECK_EQ(there.database + "|" + there.retention_policy, row.there);
  }
}

TEST_CASE("rename: a name has a database") {
  CHECK(!LaneName::Parse("").ok());
  CHECK(!LaneName::Parse("/week").ok());
  for (const std::string name : {"a", "a/", "a/b", "a/b/c"}) {
    CHECK_EQ(ToString(LaneName::Parse(name).value()), name);
  }
}

}  // namespace
}  // namespace relay::test::wal_record_lane_rename_test
