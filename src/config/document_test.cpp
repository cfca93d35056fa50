#include "config/document.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "config/test_support.h"

namespace holdfast::config {
namespace {
namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

// The tree as one line: {key: value, list: [a, b]}.
std::string flat(const Node& node) {
  std::string out;
  switch (node.type) {
    case Node::Type::null:
      return "~";
    case Node::Type::text:
      return node.text;
    case Node::Type::broken:
      return "?";
    case Node::Type::list:
      for (const NodePtr& item : node.items) out += (out.empty() ? "" : ", ") + flat(*item);
      return "[" + out + "]";
    case Node::Type::map:
      for (const Entry& entry : node.entries)
        out += (out.empty() ? "" : ", ") + entry.key + ": " + flat(*entry.value);
      return "{" + out + "}";
  }
  return out;
}

std::string tree_of(const Document& document) {
  return document.root ? flat(*document.root) : "unreadable";
}

struct Folder {  // a temporary one
  Folder() {
    std::string name = (fs::temp_directory_path() / "holdfast-config-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
  }
  fs::path path;
};

TEST(Parse, ReadsTheTreeAndItsRemarks) {
  const Environment environment =
      environment_of({{"NAME", "value"}, {"EMPTY", ""}, {"YAML", "{b: c}"}});
  struct Case {
    const char* rule;
    std::string text;
    std::string tree;
    Lines problems;
  };
  const Case cases[] = {
      {"maps, lists, text and nothing",
       "a: 1\nb: [x, {y: z}]\nc:\n",
       "{a: 1, b: [x, {y: z}], c: ~}",
       {}},
      {"an empty file", "", "~", {}},
      {"only a comment", "# nothing\n", "~", {}},
      {"a byte order mark",
       "\xef\xbb\xbf"
       "a: 1\n",
       "{a: 1}",
       {}},
      {"a duplicate key",
       "a: 1\nb: {c: 1,\n    c: 2}\n",
       "{a: 1, b: {c: 1}}",
       {"t.yaml:3:5: b.c: key given twice; the first is on line 2"}},
      {"a duplicate of a whole section",
       "a: {b: 1}\nx: 2\na: {c: 1}\n",
       "{a: {b: 1}, x: 2}",
       {"t.yaml:3:1: a: key given twice; the first is on line 1"}},
      {"a duplicate in another spelling",
       "a: 1\n\"a\": 2\n",
       "{a: 1}",
       {"t.yaml:2:1: a: key given twice; the first is on line 1"}},
      {"a variable", "a: x${NAME}y\n", "{a: xvaluey}", {}},
      {"a variable in quotes", "a: \"${NAME}\"\n", "{a: value}", {}},
      {"a dollar sign", "a: $$5 $ ${NAME}$\n", "{a: $5 $ value$}", {}},
      {"a default", "a: ${NO:-x:y} ${EMPTY:-z} ${NAME:-w}\n", "{a: x:y z value}", {}},
      {"an empty variable is set", "a: \"${EMPTY}\"\n", "{a: }", {}},
      {"what is put in is not YAML", "a: \"${YAML}\"\n", "{a: {b: c}}", {}},
      {"a variable that is not set",
       "a: ${NO}\nb: [1, 'x ${NO_TOO}']\n",
       "{a: ?, b: [1, ?]}",
       {"t.yaml:1:4: a: the environment variable NO is not set; set it, or give a default as in "
        "${NAME:-default}",
        "t.yaml:2:8: b[1]: the environment variable NO_TOO is not set; set it, or give a default "
        "as in ${NAME:-default}"}},
      {"a secret in the place of a name",
       "a: ${sk_live_abc}\n",
       "{a: ?}",
       {"t.yaml:1:4: a: the environment variable that it names is not set; set it, or give a "
        "default as in ${NAME:-default}"}},
      {"no closing brace",
       "a: ${NAME\n",
       "{a: ?}",
       {"t.yaml:1:4: a: ${ without }; write $$ for a dollar sign"}},
      {"not a name",
       "a: ${1}\n",
       "{a: ?}",
       {"t.yaml:1:4: a: ${...} must hold the name of a variable, as in ${NAME} or "
        "${NAME:-default}"}},
      {"variables are for values, not for keys", "${NO}: 1\n", "{${NO}: 1}", {}},
      {"an alias", "a: &x {b: 1}\nc: *x\n", "{a: {b: 1}, c: {b: 1}}", {}},
      {"a merge: the map's own keys win",
       "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
       "{a: {b: 1, c: 2}, d: {c: 3, b: 1}}",
       {}},
      {"a merge of a list: the first wins",
       "- &x {a: 1}\n- &y {a: 2, b: 3}\n- <<: [*x, *y]\n",
       "unreadable",
       {"t.yaml:1:1: must be a map of keys, as in server: {...}"}},
      {"a merge of several: the first wins",
       "p: &x {a: 1}\nq: &y {a: 2, b: 3}\nr: {<<: [*x, *y]}\n",
       "{p: {a: 1}, q: {a: 2, b: 3}, r: {a: 1, b: 3}}",
       {}},
      {"a merge of text",
       "a: {<<: text}\n",
       "{a: {}}",
       {"t.yaml:1:5: a.<<: << takes a map, or a list of maps"}},
      {"<< in quotes is a key", "a: {\"<<\": text}\n", "{a: {<<: text}}", {}},
      {"a tag",
       "a: !!int 5\n",
       "{a: 5}",
       {"t.yaml:1:4: a: YAML tags have no meaning here; remove the one with !"}},
      {"not YAML",
       "a: [1, 2\nb: 3\n",
       "unreadable",
       {"t.yaml:2:2: not YAML: end of sequence flow not found"}},
      {"a tab in the indentation",
       "a:\n\tb: 1\n",
       "unreadable",
       {"t.yaml:2:3: not YAML: illegal map value; indent with spaces, not with tabs"}},
      {"an unknown alias",
       "a: *x\n",
       "unreadable",
       {"t.yaml:1:4: not YAML: the referenced anchor is not defined"}},
      {"an alias of what it stands in",
       "a: &x [*x]\n",
       "unreadable",
       {"t.yaml:1:8: a[0]: an alias stands inside what it names"}},
      {"a list as a key",
       "a: {[b]: c}\n",
       "unreadable",
       {"t.yaml:1:5: a: a key must be text, not a list or map"}},
      {"nothing as a key", "a: {~: c}\n", "unreadable", {"t.yaml:1:5: a: a key is empty"}},
      {"a second document",
       "a: 1\n---\nb: 2\n",
       "unreadable",
       {"t.yaml:3:1: a second YAML document; put it into a file of its own"}},
      {"a list at the top",
       "- a\n",
       "unreadable",
       {"t.yaml:1:1: must be a map of keys, as in server: {...}"}},
      {"Latin-1",
       "a: 1\nb: b\xfcro\n",
       "unreadable",
       {"t.yaml:2:5: not UTF-8 text, or a control character"}},
      {"UTF-16",
       std::string("a\0:\0 \0b\0", 8),
       "unreadable",
       {"t.yaml:1:2: not UTF-8 text, or a control character"}},
      {"a variable without quotes in braces",
       "a: {b: ${NAME}}\n",
       "unreadable",
       {"t.yaml:1:9: not YAML: end of map flow not found; inside {...} quote it, as in "
        "\"${NAME}\""}},
      {"a colon in text",
       "a: b: c\n",
       "unreadable",
       {"t.yaml:1:5: not YAML: illegal map value; quote text that has a colon in it"}},
      {"a key that would disturb a terminal",
       "\"\\e[31m\": {a: '${NO}'}\n",
       "{\x1b[31m: {a: ?}}",
       {"t.yaml:1:15: ?[31m.a: the environment variable NO is not set; set it, or give a default "
        "as in ${NAME:-default}"}}};
  for (const Case& c : cases) {
    const Document document = parse(c.text, "t.yaml", environment);
    EXPECT_EQ(tree_of(document), c.tree) << c.rule;
    EXPECT_EQ(lines_of(document.problems), c.problems) << c.rule;
  }
}

TEST(Parse, IsBounded) {
  const Environment environment = environment_of({{"LONG", std::string(60'000, 'x')}});
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i)
    bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i,
                        i - 1);
  std::string many;
  for (int i = 0; i < 150; ++i) many += fmt::format("a{}: ${{NO}}\n", i);
  struct Case {
    const char* rule;
    std::string text;
    std::string want;
  };
  const Case cases[] = {
      {"aliases of aliases", bomb,
       "t.yaml:6:5: a5: more than 100000 values after aliases are expanded"},
      {"depth", "a: " + std::string(40, '[') + std::string(40, ']') + "\n",
       "t.yaml:1:35: "
       "a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
       "[0][0][0][0][0]: nested more than 32 deep"},
      {"depth in which the parser sees keys", std::string(100'000, '['),
       "t.yaml:1:1: a key must be text, not a list or map"},
      {"size", std::string(limits::config_file_bytes + 1, ' '),
       "t.yaml: larger than 1 MiB, the most that a configuration may be"},
      {"what variables put in", "a: ${LONG}${LONG}\n",
       "t.yaml:1:4: a: longer than 64 KiB after ${...} is replaced"},
      {"problems", many,
       "t.yaml:1:5: a0: the environment variable NO is not set; set it, or give a default as in "
       "${NAME:-default}"}};
  for (const Case& c : cases) {
    const Document document = parse(c.text, "t.yaml", environment);
    ASSERT_FALSE(document.problems.empty()) << c.rule;
    EXPECT_EQ(to_string(document.problems.front()), c.want) << c.rule;
    EXPECT_LE(document.problems.size(), limits::config_problems) << c.rule;
  }
}

TEST(Load, ReadsAFolderInTheOrderOfNames) {
  const Folder folder;
  folder.write("20-b.yaml", "providers: {b: {kind: x}}\nmodels: {m: {}}\n");
  folder.write("10-a.yaml", "providers: {a: {kind: x}}\nserver: {threads: 1}\n");
  folder.write("30-c.yaml", "# nothing yet\n");
  folder.write("40-d.yaml", "models:\nserver: {listen: y}\n");
  folder.write(".hidden.yaml", "providers: {h: {}}\n");
  folder.write("notes.txt", "not: [yaml\n");
  fs::create_directory(folder.path / "sub.yaml");
  const Document document = load(folder.path.string(), environment_of({}));
  EXPECT_EQ(lines_of(document.problems), Lines());
  EXPECT_EQ(tree_of(document),
            "{providers: {a: {kind: x}, b: {kind: x}}, server: {threads: 1, listen: y}, "
            "models: {m: {}}}");
  EXPECT_EQ(document.folder, folder.path);
}

TEST(Load, NamesBothPlacesOfAKeyInTwoFiles) {
  const Folder folder;
  folder.write("a.yaml", "providers:\n  p: {kind: x}\nserver: {threads: 1}\n");
  folder.write("b.yaml", "server: {threads: 2}\nproviders:\n  p: {key: y}\n");
  const Document document = load(folder.path.string(), environment_of({}));
  const std::string a = (folder.path / "a.yaml").string();
  const std::string b = (folder.path / "b.yaml").string();
  EXPECT_EQ(lines_of(document.problems),
            (Lines{b + ":1:10: server.threads: key given twice; the first is at " + a + ":3:10",
                   b + ":3:3: providers.p: key given twice; the first is at " + a + ":2:3"}));
}

TEST(Load, SaysWhyAFileCannotBeRead) {
  const Folder folder;
  const std::string path = folder.path.string();
  EXPECT_EQ(lines_of(load(path + "/none.yaml").problems),
            Lines{path + "/none.yaml: cannot be opened: No such file or directory"});
  EXPECT_EQ(lines_of(load(path).problems), Lines{path + ": has no *.yaml in it"});
  EXPECT_EQ(lines_of(load("/dev/null").problems), Lines{"/dev/null: is not a regular file"});
  folder.write("a.yaml", "a: [\n");
  folder.write("b.yaml", "b: 1\nb: 2\n");
  const Document document = load(path);
  EXPECT_FALSE(document.root);
  EXPECT_EQ(lines_of(document.problems),
            (Lines{path + "/a.yaml:2:1: not YAML: end of sequence flow not found",
                   path + "/b.yaml:2:1: b: key given twice; the first is on line 1"}));
}
}  // namespace
}  // namespace holdfast::config
