// Text to be sent, of which large parts may stand elsewhere: a 20 MB image in a request is referred
// to where the client's body holds it, and not copied.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::dialect {

class WireText {
 public:
  void append(std::string_view text) { own_.append(text); }
  void append(char c) { own_.push_back(c); }
  // `text` outlives this. Small ones are copied, which is cheaper.
  void refer(std::string_view text) {
    if (text.size() < worth_referring) return append(text);
    references_.push_back({own_.size(), text});
    referred_ += text.size();
  }
  std::string& own() { return own_; }
  std::size_t size() const { return own_.size() + referred_; }
  // Calls take(std::string_view) for each part in order.
  template <class Take>
  void for_each_part(Take take) const {
    std::size_t from = 0;
    for (const Reference& reference : references_) {
      if (reference.at > from) take(std::string_view(own_).substr(from, reference.at - from));
      take(reference.text);
      from = reference.at;
    }
    if (from < own_.size()) take(std::string_view(own_).substr(from));
  }
  std::string joined() const {
    std::string out;
    out.reserve(size());
    for_each_part([&out](std::string_view part) { out.append(part); });
    return out;
  }

 private:
  static constexpr std::size_t worth_referring = 16'384;
  struct Reference {
    std::size_t at;  // behind this many bytes of own_
    std::string_view text;
  };
  std::string own_;
  std::vector<Reference> references_;
  std::size_t referred_ = 0;
};

}  // namespace holdfast::dialect
