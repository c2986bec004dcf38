#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::model {

// What Kubernetes allows as names, keys and values, in Kubernetes' words.
//
// Pure. Every function returns one text per broken rule and nothing when the name is legal.
using NameProblems = std::vector<std::string>;

// Namespaces, containers, volumes: RFC 1123 label, at most 63 characters.
NameProblems CheckDnsLabel(std::string_view name);
// As above, but starting with a letter: services.
NameProblems CheckDns1035Label(std::string_view name);
// Most objects: RFC 1123 labels joined by dots, at most 253 characters.
NameProblems CheckDnsSubdomain(std::string_view name);
// Label, selector and annotation keys, resource names: [subdomain/]name.
NameProblems CheckQualifiedName(std::string_view name);
NameProblems CheckLabelValue(std::string_view value);
// Named ports of containers and services: IANA service name, at most 15 characters.
NameProblems CheckPortName(std::string_view name);
// The rule since Kubernetes 1.30: printable ASCII without '='.
NameProblems CheckEnvName(std::string_view name);
// Keys of ConfigMaps and Secrets, which become file names.
NameProblems CheckConfigKey(std::string_view key);
// Names of HTTP headers in probes.
NameProblems CheckHttpHeaderName(std::string_view name);

bool IsLegalPortNumber(int64_t port);

}  // namespace muster::model
