#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/macros.h"
#include "common/pki/openssl.h"

namespace muster::pki {
namespace {

// Clocks of hosts that just booted are often a little behind. What lives for a moment only is not
// born old, though.
constexpr std::chrono::seconds kBackdated{300};
constexpr int kBackdatedPart = 12;
constexpr size_t kBundleMax = 16;
constexpr char kPemEnd[] = "-----END CERTIFICATE-----";
constexpr int kSerialBytes = 16;

std::string NameEntry(X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return "";
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (length < 0) return "";
  std::string result(reinterpret_cast<char*>(text), static_cast<size_t>(length));
  OPENSSL_free(text);
  return result;
}

WallTime ToWall(const ASN1_TIME* time) {
  std::tm fields = {};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return WallTime();
  return std::chrono::system_clock::from_time_t(::timegm(&fields));
}

absl::StatusOr<X509NamePtr> MakeName(std::string_view common_name, std::string_view organization) {
  X509NamePtr name(X509_NAME_new());
  const auto add = [&name](const char* field, std::string_view text) {
    return text.empty() ||
           // As this type, since OpenSSL cuts the others off at 64 bytes; names of nodes are
           // longer.
           X509_NAME_add_entry_by_txt(name.get(), field, V_ASN1_UTF8STRING,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
  };
  if (!add("O", organization) || !add("CN", common_name)) {
    return OpenSslError(absl::StatusCode::kInvalidArgument, "naming a certificate");
  }
  return name;
}

absl::Status AddExtension(X509& certificate, X509& issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) {
    return OpenSslError(absl::StatusCode::kInvalidArgument, "making a certificate extension");
  }
  const int added = X509_add_ext(&certificate, extension, -1);
  X509_EXTENSION_free(extension);
  if (added != 1) return OpenSslError(absl::StatusCode::kInternal, "adding an extension");
  return absl::OkStatus();
}

struct Wanted {
  std::string_view common_name, organization;
  EVP_PKEY* public_key;
  WallTime now;
  std::chrono::seconds lifetime;
  std::vector<std::pair<int, std::string>> extensions;
};

absl::StatusOr<X509Ptr> Draft(const Wanted& wanted) {
  X509Ptr certificate(X509_new());
  unsigned char serial[kSerialBytes];
  if (RAND_bytes(serial, sizeof serial) != 1) {
    return OpenSslError(absl::StatusCode::kInternal, "drawing a serial number");
  }
  serial[0] &= 0x7f;  // Serial numbers are positive.
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  const std::time_t from = std::chrono::system_clock::to_time_t(
      wanted.now - std::min(kBackdated, wanted.lifetime / kBackdatedPart));
  const std::time_t until = std::chrono::system_clock::to_time_t(wanted.now + wanted.lifetime);
  MUSTER_ASSIGN_OR_RETURN(const X509NamePtr name,
                          MakeName(wanted.common_name, wanted.organization));
  const bool drafted = X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                       ASN1_TIME_set(X509_getm_notBefore(certificate.get()), from) != nullptr &&
                       ASN1_TIME_set(X509_getm_notAfter(certificate.get()), until) != nullptr &&
                       X509_set_subject_name(certificate.get(), name.get()) == 1 &&
                       X509_set_pubkey(certificate.get(), wanted.public_key) == 1;
  if (!drafted) return OpenSslError(absl::StatusCode::kInternal, "drafting a certificate");
  return certificate;
}

// `issuer` may be the draft itself.
absl::StatusOr<std::string> Sign(X509& draft, X509& issuer, EVP_PKEY& key, const Wanted& wanted) {
  if (X509_set_issuer_name(&draft, X509_get_subject_name(&issuer)) != 1) {
    return OpenSslError(absl::StatusCode::kInternal, "naming the issuer");
  }
  MUSTER_RETURN_IF_ERROR(AddExtension(draft, issuer, NID_subject_key_identifier, "hash"));
  MUSTER_RETURN_IF_ERROR(AddExtension(draft, issuer, NID_authority_key_identifier, "keyid:always"));
  for (const auto& [nid, value] : wanted.extensions) {
    MUSTER_RETURN_IF_ERROR(AddExtension(draft, issuer, nid, value));
  }
  if (X509_sign(&draft, &key, EVP_sha256()) == 0) {
    return OpenSslError(absl::StatusCode::kInternal, "signing a certificate");
  }
  return CertificatePem(draft);
}

absl::StatusOr<std::string> Issue(const KeyAndCertificate& ca, const Wanted& wanted) {
  MUSTER_ASSIGN_OR_RETURN(const X509Ptr issuer, ReadCertificate(ca.certificate_pem));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::FromPem(ca.key_pem));
  MUSTER_ASSIGN_OR_RETURN(const X509Ptr draft, Draft(wanted));
  return Sign(*draft, *issuer, *key.impl().key, wanted);
}

bool IsAddress(const std::string& text) {
  unsigned char buffer[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, text.c_str(), buffer) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), buffer) == 1;
}

// A name with a comma would become two entries of the extension.
absl::StatusOr<std::string> AlternativeNames(const std::vector<std::string>& names) {
  std::string text = absl::StrCat("DNS:", kCoordinatorDnsName);
  for (const std::string& name : names) {
    if (name.empty() || name == kCoordinatorDnsName) continue;
    if (name.find_first_of(",:/ \n") != std::string::npos && !IsAddress(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", name, "\" is neither a host name nor an address"));
    }
    absl::StrAppend(&text, IsAddress(name) ? ",IP:" : ",DNS:", name);
  }
  return text;
}

void AddAlternativeNames(X509& certificate, CertificateInfo& info) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      info.dns_names.emplace_back(
          reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
          static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN];
      const int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
      if (::inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text)) {
        info.ip_addresses.emplace_back(text);
      }
    }
  }
  GENERAL_NAMES_free(names);
}

}  // namespace

std::string NodeCommonName(std::string_view node_name) {
  return absl::StrCat("system:node:", std::string(node_name));
}

std::string NodeNameOf(std::string_view common_name, std::string_view organization) {
  absl::string_view name(common_name.data(), common_name.size());
  if (organization != kNodeOrganization || !absl::ConsumePrefix(&name, "system:node:")) return "";
  return std::string(name);
}

absl::StatusOr<CertificateInfo> ParseCertificate(std::string_view pem) {
  MUSTER_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(pem));
  CertificateInfo info;
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  info.common_name = NameEntry(subject, NID_commonName);
  info.organization = NameEntry(subject, NID_organizationName);
  AddAlternativeNames(*certificate, info);
  info.not_before = ToWall(X509_get0_notBefore(certificate.get()));
  info.not_after = ToWall(X509_get0_notAfter(certificate.get()));
  info.is_ca = X509_check_ca(certificate.get()) == 1;
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr) return OpenSslError(absl::StatusCode::kInvalidArgument, "reading its key");
  MUSTER_ASSIGN_OR_RETURN(info.public_key_hash, HashOfKey(*key));
  return info;
}

absl::StatusOr<std::string> PublicKeyHash(std::string_view certificate_pem) {
  MUSTER_ASSIGN_OR_RETURN(const CertificateInfo info, ParseCertificate(certificate_pem));
  return info.public_key_hash;
}

absl::StatusOr<KeyAndCertificate> MakeCa(std::string_view common_name, WallTime now,
                                         std::chrono::seconds lifetime) {
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate());
  const Wanted wanted{common_name,
                      "",
                      key.impl().key.get(),
                      now,
                      lifetime,
                      {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                       {NID_key_usage, "critical,keyCertSign,cRLSign"}}};
  MUSTER_ASSIGN_OR_RETURN(const X509Ptr draft, Draft(wanted));
  KeyAndCertificate result;
  MUSTER_ASSIGN_OR_RETURN(result.certificate_pem, Sign(*draft, *draft, *key.impl().key, wanted));
  MUSTER_ASSIGN_OR_RETURN(result.key_pem, key.ToPem());
  return result;
}

absl::StatusOr<KeyAndCertificate> MakeServerCertificate(const KeyAndCertificate& ca,
                                                        const std::vector<std::string>& names,
                                                        WallTime now,
                                                        std::chrono::seconds lifetime) {
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate());
  MUSTER_ASSIGN_OR_RETURN(const std::string alternative_names, AlternativeNames(names));
  const Wanted wanted{kCoordinatorDnsName,
                      "",
                      key.impl().key.get(),
                      now,
                      lifetime,
                      {{NID_basic_constraints, "critical,CA:FALSE"},
                       {NID_key_usage, "critical,digitalSignature"},
                       {NID_ext_key_usage, "serverAuth"},
                       {NID_subject_alt_name, alternative_names}}};
  KeyAndCertificate result;
  MUSTER_ASSIGN_OR_RETURN(result.certificate_pem, Issue(ca, wanted));
  MUSTER_ASSIGN_OR_RETURN(result.key_pem, key.ToPem());
  return result;
}

absl::StatusOr<std::string> SignClientRequest(const KeyAndCertificate& ca,
                                              std::string_view request_pem,
                                              std::string_view common_name,
                                              std::string_view organization, WallTime now,
                                              std::chrono::seconds lifetime) {
  MUSTER_ASSIGN_OR_RETURN(const X509RequestPtr request, ReadRequest(request_pem));
  return Issue(ca, {common_name,
                    organization,
                    X509_REQ_get0_pubkey(request.get()),
                    now,
                    lifetime,
                    {{NID_basic_constraints, "critical,CA:FALSE"},
                     {NID_key_usage, "critical,digitalSignature"},
                     {NID_ext_key_usage, "clientAuth"}}});
}

absl::StatusOr<std::vector<std::string>> SplitBundle(std::string_view bundle_pem) {
  std::vector<std::string> found;
  for (size_t begin = 0;;) {
    const size_t end = bundle_pem.find(kPemEnd, begin);
    if (end == std::string_view::npos) break;
    if (found.size() == kBundleMax) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", kBundleMax, " certificates"));
    }
    const size_t next = end + sizeof(kPemEnd) - 1;
    // Anew from what it says, so that nothing else comes along.
    MUSTER_ASSIGN_OR_RETURN(const X509Ptr certificate,
                            ReadCertificate(bundle_pem.substr(begin, next - begin)));
    MUSTER_ASSIGN_OR_RETURN(found.emplace_back(), CertificatePem(*certificate));
    begin = next;
  }
  if (found.empty()) return absl::InvalidArgumentError("there is no certificate in it");
  return found;
}

absl::StatusOr<std::string> IssuerAmong(std::string_view certificate_pem,
                                        std::string_view bundle_pem) {
  MUSTER_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(certificate_pem));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> bundle, SplitBundle(bundle_pem));
  absl::Status why;
  for (const std::string& pem : bundle) {
    MUSTER_ASSIGN_OR_RETURN(const X509Ptr ca, ReadCertificate(pem));
    EVP_PKEY* key = X509_get0_pubkey(ca.get());
    if (key != nullptr && X509_check_issued(ca.get(), certificate.get()) == X509_V_OK &&
        X509_verify(certificate.get(), key) == 1) {
      return HashOfKey(*key);
    }
    why = OpenSslError(absl::StatusCode::kNotFound, "not signed by this CA");
  }
  return why;
}

absl::StatusOr<std::vector<std::string>> HashesOf(std::string_view bundle_pem) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> bundle, SplitBundle(bundle_pem));
  std::vector<std::string> hashes;
  for (const std::string& pem : bundle) {
    MUSTER_ASSIGN_OR_RETURN(hashes.emplace_back(), PublicKeyHash(pem));
  }
  return hashes;
}

absl::Status VerifyIssuedBy(std::string_view certificate_pem, std::string_view ca_pem,
                            WallTime now) {
  if (const auto issuer = IssuerAmong(certificate_pem, ca_pem); absl::IsNotFound(issuer.status())) {
    return absl::PermissionDeniedError(issuer.status().message());
  } else if (!issuer.ok()) {
    return issuer.status();
  }
  MUSTER_ASSIGN_OR_RETURN(const CertificateInfo info, ParseCertificate(certificate_pem));
  if (now < info.not_before) {
    return absl::FailedPreconditionError(
        "the certificate is not valid yet: is the clock of this host behind?");
  }
  if (now > info.not_after) return absl::FailedPreconditionError("the certificate has expired");
  return absl::OkStatus();
}

WallTime RenewalTime(WallTime not_before, WallTime not_after, double dice) {
  const auto life = std::max(not_after - not_before, WallTime::duration(0));
  const auto later = std::chrono::duration<double>(life) / 10 * std::clamp(dice, 0.0, 1.0);
  return not_before + life / 3 * 2 + std::chrono::duration_cast<WallTime::duration>(later);
}

}  // namespace muster::pki
