#include "common/model/names.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string Repeat(char c, size_t count) { return std::string(count, c); }

// Spec: 9.1/label-names
TEST(Names, DnsLabelFollowsRfc1123) {
  for (const std::string& good : {std::string("a"), std::string("0"), std::string("a-b"),
                                  std::string("123-abc"), Repeat('a', 63)}) {
    EXPECT_THAT(CheckDnsLabel(good), IsEmpty()) << good;
  }
  for (const char* bad : {"", "-a", "a-", "A", "a.b", "a_b", "a b"}) {
    EXPECT_THAT(CheckDnsLabel(bad), ElementsAre(HasSubstr("RFC 1123 label"))) << bad;
  }
  EXPECT_THAT(CheckDnsLabel(Repeat('a', 64)), ElementsAre("must be no more than 63 characters"));
}

TEST(Names, ServiceNamesStartWithALetter) {
  EXPECT_THAT(CheckDns1035Label("a1"), IsEmpty());
  EXPECT_THAT(CheckDns1035Label("1a"), ElementsAre(HasSubstr("DNS-1035")));
  EXPECT_THAT(CheckDns1035Label(""), ElementsAre(HasSubstr("DNS-1035")));
}

// Spec: 9.1/daemonset-name
TEST(Names, SubdomainIsLabelsJoinedByDots) {
  // A part may be longer than 63 characters, as in Kubernetes; only the whole is limited.
  for (const std::string& good : {std::string("a"), std::string("a.b-c.0"), Repeat('a', 253)}) {
    EXPECT_THAT(CheckDnsSubdomain(good), IsEmpty()) << good;
  }
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a_b"}) {
    EXPECT_THAT(CheckDnsSubdomain(bad), ElementsAre(HasSubstr("RFC 1123 subdomain"))) << bad;
  }
  EXPECT_THAT(CheckDnsSubdomain(Repeat('a', 254)),
              ElementsAre("must be no more than 253 characters"));
}

// Spec: 9.1/label-key
TEST(Names, QualifiedNameHasAnOptionalPrefix) {
  for (const std::string& good :
       {std::string("a"), std::string("A_b.c-D"), std::string("example.com/Name"),
        Repeat('a', 253) + "/" + Repeat('b', 63)}) {
    EXPECT_THAT(CheckQualifiedName(good), IsEmpty()) << good;
  }
  EXPECT_THAT(CheckQualifiedName("/a"), ElementsAre("prefix part must be non-empty"));
  EXPECT_THAT(CheckQualifiedName("a/"),
              ElementsAre("name part must be non-empty", HasSubstr("name part must consist")));
  EXPECT_THAT(CheckQualifiedName("a/b/c"), ElementsAre(HasSubstr("optional DNS subdomain prefix")));
  EXPECT_THAT(CheckQualifiedName("A/b"), ElementsAre(HasSubstr("prefix part a lowercase")));
  EXPECT_THAT(CheckQualifiedName("-a"), ElementsAre(HasSubstr("name part must consist")));
  EXPECT_THAT(CheckQualifiedName(Repeat('b', 64)),
              ElementsAre("name part must be no more than 63 characters"));
}

// Spec: 9.1/label-value
TEST(Names, LabelValueMayBeEmpty) {
  for (const std::string& good :
       {std::string(), std::string("a"), std::string("1.2_3-x"), Repeat('a', 63)}) {
    EXPECT_THAT(CheckLabelValue(good), IsEmpty()) << good;
  }
  for (const char* bad : {"-5", "a b", "a-", "a/b", "_"}) {
    EXPECT_THAT(CheckLabelValue(bad), ElementsAre(HasSubstr("a valid label must be"))) << bad;
  }
  EXPECT_THAT(CheckLabelValue(Repeat('a', 64)), ElementsAre("must be no more than 63 characters"));
}

// Spec: 9.1/port-name
TEST(Names, PortNameIsAnIanaServiceName) {
  for (const char* good : {"http", "a", "0a", "a-0-b", "abcdefghijklmno"}) {
    EXPECT_THAT(CheckPortName(good), IsEmpty()) << good;
  }
  EXPECT_THAT(CheckPortName("abcdefghijklmnop"), ElementsAre("must be no more than 15 characters"));
  EXPECT_THAT(CheckPortName("Http"), ElementsAre(HasSubstr("alpha-numeric")));
  EXPECT_THAT(CheckPortName("8080"), ElementsAre("must contain at least one letter (a-z)"));
  EXPECT_THAT(CheckPortName("a--b"), ElementsAre("must not contain consecutive hyphens"));
  EXPECT_THAT(CheckPortName("-a"), ElementsAre("must not begin or end with a hyphen"));
  EXPECT_THAT(CheckPortName("a-"), ElementsAre("must not begin or end with a hyphen"));
}

// Spec: 9.1/env-name
TEST(Names, EnvNameIsPrintableAsciiWithoutEqualsSign) {
  for (const char* good : {"A", "a.b", "1", "with space", "x/y", ".a"}) {
    EXPECT_THAT(CheckEnvName(good), IsEmpty()) << good;
  }
  for (const char* bad : {"", "a=b", "a\tb", "\xc3\xa4"}) {
    EXPECT_THAT(CheckEnvName(bad), ElementsAre(HasSubstr("printable ASCII"))) << bad;
  }
  EXPECT_THAT(CheckEnvName("."), ElementsAre("must not be '.'"));
  EXPECT_THAT(CheckEnvName(".."), ElementsAre("must not be '..'"));
  EXPECT_THAT(CheckEnvName("..a"), ElementsAre("must not start with '..'"));
}

TEST(Names, ConfigKeyIsAPlainFileName) {
  EXPECT_THAT(CheckConfigKey("prometheus.yml"), IsEmpty());
  EXPECT_THAT(CheckConfigKey(".dockerconfigjson"), IsEmpty());
  for (const char* bad : {"", "a/b", "a b"}) {
    EXPECT_THAT(CheckConfigKey(bad), ElementsAre(HasSubstr("a valid config key"))) << bad;
  }
  EXPECT_THAT(CheckConfigKey("..data"), ElementsAre("must not start with '..'"));
  EXPECT_THAT(CheckConfigKey(Repeat('a', 254)), Not(IsEmpty()));
}

TEST(Names, HeaderNameHasLettersDigitsAndDashes) {
  EXPECT_THAT(CheckHttpHeaderName("X-Token-1"), IsEmpty());
  EXPECT_THAT(CheckHttpHeaderName(""), Not(IsEmpty()));
  EXPECT_THAT(CheckHttpHeaderName("a b"), Not(IsEmpty()));
}

TEST(Names, PortNumbersAre16BitAndNotZero) {
  EXPECT_FALSE(IsLegalPortNumber(0));
  EXPECT_TRUE(IsLegalPortNumber(1));
  EXPECT_TRUE(IsLegalPortNumber(65535));
  EXPECT_FALSE(IsLegalPortNumber(65536));
  EXPECT_FALSE(IsLegalPortNumber(-1));
}

}  // namespace
}  // namespace muster::model
