#include "common/pki/pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace muster::pki {
namespace {

using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;

const WallTime kNow = std::chrono::system_clock::now();

KeyAndCertificate Ca() { return *MakeCa("fleet", kNow, hours(24 * 3650)); }

TEST(PrivateKeys, SurvivePemAndKeepTheirHash) {
  const PrivateKey key = *PrivateKey::Generate();
  const PrivateKey again = *PrivateKey::FromPem(*key.ToPem());
  EXPECT_EQ(*again.PublicKeyHash(), *key.PublicKeyHash());
  EXPECT_NE(*PrivateKey::Generate()->PublicKeyHash(), *key.PublicKeyHash());
  EXPECT_EQ(PrivateKey::FromPem("rubbish").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Certificates, TheCaIsOneAndCannotMakeOthers) {
  const KeyAndCertificate ca = Ca();
  const CertificateInfo info = *ParseCertificate(ca.certificate_pem);
  EXPECT_TRUE(info.is_ca);
  EXPECT_EQ(info.common_name, "fleet");
  EXPECT_EQ(info.public_key_hash, *PrivateKey::FromPem(ca.key_pem)->PublicKeyHash());
  EXPECT_EQ(info.public_key_hash, *PublicKeyHash(ca.certificate_pem));
  EXPECT_EQ(info.public_key_hash.size(), 7u + 64u);
  EXPECT_TRUE(VerifyIssuedBy(ca.certificate_pem, ca.certificate_pem, kNow).ok());
}

TEST(Certificates, AServersNamesAreTheGivenOnesAndTheFixedOne) {
  const KeyAndCertificate server =
      *MakeServerCertificate(Ca(), {"ctl.lan", "10.0.0.1", "fd00::1"}, kNow, hours(24));
  const CertificateInfo info = *ParseCertificate(server.certificate_pem);
  EXPECT_THAT(info.dns_names, ::testing::ElementsAre("muster-coordinator", "ctl.lan"));
  EXPECT_THAT(info.ip_addresses, ::testing::ElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_FALSE(info.is_ca);
  EXPECT_FALSE(MakeServerCertificate(Ca(), {"a,DNS:evil"}, kNow, hours(24)).ok());
}

TEST(Certificates, AClientGetsTheIdentityWeSayNotTheOneItAsksFor) {
  const KeyAndCertificate ca = Ca();
  const PrivateKey key = *PrivateKey::Generate();
  const std::string request = *MakeRequest(key, "system:node:somebody-else");
  const std::string pem =
      *SignClientRequest(ca, request, NodeCommonName("n1"), kNodeOrganization, kNow, hours(1));
  const CertificateInfo info = *ParseCertificate(pem);
  EXPECT_EQ(info.common_name, "system:node:n1");
  EXPECT_EQ(info.organization, "system:nodes");
  EXPECT_EQ(info.public_key_hash, *key.PublicKeyHash());
  EXPECT_EQ(*RequestPublicKeyHash(request), *key.PublicKeyHash());
  EXPECT_EQ(NodeNameOf(info.common_name, info.organization), "n1");
}

TEST(Certificates, ARequestThatWasTamperedWithIsRefused) {
  std::string request = *MakeRequest(*PrivateKey::Generate(), "n1");
  // A character in the middle of the signed part.
  char& changed = request[request.size() / 2];
  changed = changed == 'A' ? 'B' : 'A';
  EXPECT_EQ(RequestPublicKeyHash(request).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(RequestPublicKeyHash("").ok());
  EXPECT_FALSE(RequestPublicKeyHash(std::string(100'000, 'x')).ok());
}

TEST(Certificates, NamesMayBeLongerThanOpenSslLikes) {
  const KeyAndCertificate ca = Ca();
  const std::string name = std::string(60, 'n') + "." + std::string(60, 'm');
  const std::string request = *MakeRequest(*PrivateKey::Generate(), NodeCommonName(name));
  const auto pem =
      SignClientRequest(ca, request, NodeCommonName(name), kNodeOrganization, kNow, hours(1));
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_EQ(ParseCertificate(*pem)->common_name, "system:node:" + name);
  EXPECT_TRUE(VerifyIssuedBy(*pem, ca.certificate_pem, kNow).ok());
}

TEST(Certificates, ARequestWithAnotherKindOfKeyIsRefused) {
  struct Case {
    const char* what;
    EVP_PKEY* key;
  };
  for (const Case& test : {Case{"RSA", EVP_RSA_gen(2048)}, Case{"P-384", EVP_EC_gen("P-384")},
                           Case{"Ed25519", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")}}) {
    BIO* bio = BIO_new(BIO_s_mem());
    ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio, test.key, nullptr, nullptr, 0, nullptr, nullptr),
              1);
    X509_REQ* request = X509_REQ_new();
    X509_REQ_set_pubkey(request, test.key);
    const EVP_MD* digest = std::string(test.what) == "Ed25519" ? nullptr : EVP_sha256();
    ASSERT_NE(X509_REQ_sign(request, test.key, digest), 0);
    BIO* pem = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(pem, request);
    char* data = nullptr;
    const long length = BIO_get_mem_data(pem, &data);
    const auto hash = RequestPublicKeyHash(std::string(data, static_cast<size_t>(length)));
    EXPECT_EQ(hash.status().code(), absl::StatusCode::kInvalidArgument) << test.what;
    EXPECT_THAT(std::string(hash.status().message()), HasSubstr("P-256")) << test.what;
    BIO_free(pem);
    BIO_free(bio);
    X509_REQ_free(request);
    EVP_PKEY_free(test.key);
  }
}

TEST(Parsing, AnEncryptedTextIsRefusedAndNobodyIsAsked) {
  const char kEncrypted[] =
      "-----BEGIN CERTIFICATE REQUEST-----\n"
      "Proc-Type: 4,ENCRYPTED\n"
      "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n"
      "\n"
      "MTIzNDU2Nzg5MDEyMzQ1Ng==\n"
      "-----END CERTIFICATE REQUEST-----\n";
  EXPECT_EQ(RequestPublicKeyHash(kEncrypted).status().code(), absl::StatusCode::kInvalidArgument);
}

// What comes from the network is cut, doubled and changed in every place; the answer is a status.
TEST(Parsing, BrokenTextsAreRefusedOrReadButNeverHarmful) {
  const KeyAndCertificate ca = Ca();
  const std::string request = *MakeRequest(*PrivateKey::Generate(), "n1");
  int refused = 0;
  for (const std::string& whole : {request, ca.certificate_pem}) {
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 1);
      for (const std::string& text : {whole.substr(0, at), changed}) {
        refused += RequestPublicKeyHash(text).ok() ? 0 : 1;
        refused += ParseCertificate(text).ok() ? 0 : 1;
        refused += PrivateKey::FromPem(text).ok() ? 0 : 1;
      }
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Certificates, AreValidForTheirTimeAndUnderTheirCaOnly) {
  const KeyAndCertificate ca = Ca();
  const std::string pem = MakeServerCertificate(ca, {}, kNow, hours(1))->certificate_pem;
  EXPECT_TRUE(VerifyIssuedBy(pem, ca.certificate_pem, kNow).ok());
  EXPECT_THAT(std::string(VerifyIssuedBy(pem, ca.certificate_pem, kNow + hours(2)).message()),
              HasSubstr("expired"));
  EXPECT_THAT(std::string(VerifyIssuedBy(pem, ca.certificate_pem, kNow - hours(2)).message()),
              HasSubstr("clock of this host"));
  EXPECT_EQ(VerifyIssuedBy(pem, Ca().certificate_pem, kNow).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(NodeNames, ComeFromTheNodesOrganizationOnly) {
  EXPECT_EQ(NodeNameOf("system:node:a", "system:nodes"), "a");
  EXPECT_EQ(NodeNameOf("system:node:a", "muster:admins"), "");
  EXPECT_EQ(NodeNameOf("a", "system:nodes"), "");
}

TEST(Secrets, AreComparedAsAWhole) {
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abcd"));
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// Serves one TLS handshake with the given chain on a loopback port.
class OneHandshake {
 public:
  OneHandshake(const KeyAndCertificate& server, const std::string& ca_pem) {
    ::signal(SIGPIPE, SIG_IGN);  // The other end goes whenever it likes.
    context_ = SSL_CTX_new(TLS_server_method());
    UseCertificate(server.certificate_pem, false);
    UseCertificate(ca_pem, true);
    BIO* bio = BIO_new_mem_buf(server.key_pem.data(), static_cast<int>(server.key_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(context_, key);
    EVP_PKEY_free(key);
    BIO_free(bio);
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 1);
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] {
      const int fd = ::accept(listener_, nullptr, nullptr);
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd);
      SSL_accept(ssl);
      char byte;
      SSL_read(ssl, &byte, 1);  // Until the other end goes.
      SSL_free(ssl);
      ::close(fd);
    });
  }
  ~OneHandshake() {
    thread_.join();
    ::close(listener_);
    SSL_CTX_free(context_);
  }
  const std::string& address() const { return address_; }

 private:
  void UseCertificate(const std::string& pem, bool extra) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    if (extra) {
      SSL_CTX_add_extra_chain_cert(context_, certificate);
    } else {
      SSL_CTX_use_certificate(context_, certificate);
      X509_free(certificate);
    }
    BIO_free(bio);
  }

  SSL_CTX* context_;
  int listener_;
  std::string address_;
  std::thread thread_;
};

TEST(FetchCa, ReturnsTheCaWithThePinnedHashAndNoOther) {
  const KeyAndCertificate ca = Ca();
  const KeyAndCertificate server = *MakeServerCertificate(ca, {}, kNow, hours(24));
  {
    OneHandshake peer(server, ca.certificate_pem);
    std::string server_pem;
    const auto fetched = FetchCa(peer.address(), *PublicKeyHash(ca.certificate_pem),
                                 std::chrono::seconds(5), &server_pem);
    ASSERT_TRUE(fetched.ok()) << fetched.status();
    EXPECT_EQ(server_pem, server.certificate_pem);
    EXPECT_EQ(*PublicKeyHash(*fetched), *PublicKeyHash(ca.certificate_pem));
  }
  {
    OneHandshake peer(server, ca.certificate_pem);
    EXPECT_EQ(FetchCa(peer.address(), *PublicKeyHash(Ca().certificate_pem), std::chrono::seconds(5))
                  .status()
                  .code(),
              absl::StatusCode::kPermissionDenied);
  }
  {
    // The server's own key is not a CA, so pinning it gives nothing.
    OneHandshake peer(server, ca.certificate_pem);
    EXPECT_FALSE(
        FetchCa(peer.address(), *PublicKeyHash(server.certificate_pem), std::chrono::seconds(5))
            .ok());
  }
}

TEST(FetchCa, SaysWhatIsWrongWithAnAddress) {
  EXPECT_EQ(FetchCa("nowhere", "sha256:0", std::chrono::seconds(1)).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto refused = FetchCa("127.0.0.1:1", "sha256:0", std::chrono::seconds(1)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("127.0.0.1:1"));
}

TEST(Bundle, TellsWhichOfItsCasSigned) {
  // With the same name, as those of one fleet have.
  const KeyAndCertificate first = *MakeCa("muster-ca", kNow, hours(24));
  const KeyAndCertificate second = *MakeCa("muster-ca", kNow, hours(24));
  const std::string request = *MakeRequest(*PrivateKey::Generate(), "x");
  const std::string of_first = *SignClientRequest(first, request, "a", "b", kNow, hours(1));
  const std::string of_second = *SignClientRequest(second, request, "a", "b", kNow, hours(1));
  const std::string both = first.certificate_pem + second.certificate_pem;
  EXPECT_EQ(*IssuerAmong(of_first, both), *PublicKeyHash(first.certificate_pem));
  EXPECT_EQ(*IssuerAmong(of_second, both), *PublicKeyHash(second.certificate_pem));
  EXPECT_TRUE(absl::IsNotFound(IssuerAmong(of_second, first.certificate_pem).status()));
  EXPECT_TRUE(VerifyIssuedBy(of_second, both, kNow).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(VerifyIssuedBy(of_second, first.certificate_pem, kNow)));
  const auto hashes = HashesOf(both);
  ASSERT_TRUE(hashes.ok());
  EXPECT_EQ(hashes->size(), 2U);
  EXPECT_EQ(*SplitBundle("text before\n" + both + "after"),
            (std::vector<std::string>{first.certificate_pem, second.certificate_pem}));
  std::string many;
  for (int i = 0; i < 17; ++i) many += first.certificate_pem;
  for (const std::string& bad :
       {std::string(), std::string("rubbish"), many,
        first.certificate_pem + "-----END CERTIFICATE-----",
        first.certificate_pem.substr(0, first.certificate_pem.size() / 2)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(SplitBundle(bad).status())) << SplitBundle(bad).status();
  }
}

TEST(RenewalTime, IsAtTwoThirdsAndUpToATenthLater) {
  const WallTime end = kNow + hours(30);
  EXPECT_EQ(RenewalTime(kNow, end, 0), kNow + hours(20));
  EXPECT_EQ(RenewalTime(kNow, end, 1), kNow + hours(23));
  EXPECT_EQ(RenewalTime(kNow, end, 7), kNow + hours(23));
  EXPECT_EQ(RenewalTime(kNow, kNow, 1), kNow);
  EXPECT_EQ(RenewalTime(end, kNow, 0), end);
}

TEST(Certificates, OfAMomentAreNotBornOld) {
  const KeyAndCertificate ca = *MakeCa("muster-ca", kNow, hours(24));
  const std::string request = *MakeRequest(*PrivateKey::Generate(), "x");
  const WallTime now = std::chrono::floor<std::chrono::seconds>(kNow);
  const std::string pem = *SignClientRequest(ca, request, "a", "b", now, std::chrono::seconds(60));
  const CertificateInfo info = *ParseCertificate(pem);
  EXPECT_EQ(info.not_before, now - std::chrono::seconds(5));
  EXPECT_EQ(info.not_after, now + std::chrono::seconds(60));
  EXPECT_GT(RenewalTime(info.not_before, info.not_after, 0), now + std::chrono::seconds(30));
}

}  // namespace
}  // namespace muster::pki
