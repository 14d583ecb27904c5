// The least that a native program does for the load of a node: receives packets, opens each, seals one copy per listener, sends them.
// There is no gateway, no replay protection and no change of members. native-floor.ts compiles and starts it.
//
//   forwarder sendto | sendmmsg
//
// Prints its port. Reads from standard input, one per line, keys in hexadecimal:
//   speaker SSRC KEY            a speaker
//   listener PORT KEY           a listener of the last speaker, on 127.0.0.1
//   end                         nothing follows; the end of the input ends the program
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr int RECEIVE_BATCH = 64;
constexpr int SEND_BATCH = 128;
constexpr int SLOT = 2048;
constexpr int HEADER = 12;
constexpr int TAG = 16;
constexpr int NONCE = 4;
constexpr int BUFFER = 4 * 1024 * 1024;

/** The state of libsodium's AES-256-GCM: aligned to 16 bytes. */
struct alignas(16) State {
  unsigned char bytes[512];
};

using Expand = int (*)(State *, const unsigned char *);
using Seal = int (*)(unsigned char *, unsigned long long *, const unsigned char *, unsigned long long, const unsigned char *,
                     unsigned long long, const unsigned char *, const unsigned char *, const State *);
using Open = int (*)(unsigned char *, unsigned long long *, unsigned char *, const unsigned char *, unsigned long long,
                     const unsigned char *, unsigned long long, const unsigned char *, const State *);
Expand expand;
Seal seal;
Open open_;

struct Listener {
  sockaddr_in address;
  State state;
  uint32_t counter;
};

struct Speaker {
  State state;
  std::vector<Listener> listeners;
};

bool loadSodium() {
  for (const char *name : {"libsodium.so.26", "libsodium.so.23"}) {
    void *library = dlopen(name, RTLD_NOW);
    if (library == nullptr) continue;
    auto init = reinterpret_cast<int (*)()>(dlsym(library, "sodium_init"));
    auto available = reinterpret_cast<int (*)()>(dlsym(library, "crypto_aead_aes256gcm_is_available"));
    expand = reinterpret_cast<Expand>(dlsym(library, "crypto_aead_aes256gcm_beforenm"));
    seal = reinterpret_cast<Seal>(dlsym(library, "crypto_aead_aes256gcm_encrypt_afternm"));
    open_ = reinterpret_cast<Open>(dlsym(library, "crypto_aead_aes256gcm_decrypt_afternm"));
    return init != nullptr && init() >= 0 && available != nullptr && available() == 1 && expand && seal && open_;
  }
  return false;
}

State readKey(const char *hex) {
  unsigned char key[32] = {};
  for (int index = 0; index < 32; index++) {
    unsigned value = 0;
    if (sscanf(hex + 2 * index, "%2x", &value) != 1) exit(2);
    key[index] = static_cast<unsigned char>(value);
  }
  State state;
  expand(&state, key);
  return state;
}

std::unordered_map<uint32_t, Speaker> readSpeakers() {
  std::unordered_map<uint32_t, Speaker> speakers;
  Speaker *last = nullptr;
  char line[256], key[80];
  unsigned number;
  while (fgets(line, sizeof line, stdin) != nullptr && strncmp(line, "end", 3) != 0) {
    if (sscanf(line, "speaker %u %64s", &number, key) == 2) {
      last = &speakers[number];
      last->state = readKey(key);
    } else if (last != nullptr && sscanf(line, "listener %u %64s", &number, key) == 2) {
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<uint16_t>(number));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      last->listeners.push_back({address, readKey(key), 0});
    } else {
      exit(2);
    }
  }
  return speakers;
}

int openSocket() {
  int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &BUFFER, sizeof BUFFER);
  setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &BUFFER, sizeof BUFFER);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof name;
  if (bind(socket_, reinterpret_cast<sockaddr *>(&name), length) != 0) exit(3);
  getsockname(socket_, reinterpret_cast<sockaddr *>(&name), &length);
  printf("port %u\n", ntohs(name.sin_port));
  fflush(stdout);
  return socket_;
}

class Forwarder {
 public:
  Forwarder(int socket, bool isBatched) : socket_(socket), isBatched_(isBatched) {
    for (int index = 0; index < RECEIVE_BATCH; index++) {
      receiveIovs_[index] = {received_[index], SLOT};
      receive_[index] = {};
      receive_[index].msg_hdr.msg_iov = &receiveIovs_[index];
      receive_[index].msg_hdr.msg_iovlen = 1;
    }
    for (int index = 0; index < SEND_BATCH; index++) {
      sendIovs_[index] = {unsent_[index], 0};
      send_[index] = {};
      send_[index].msg_hdr.msg_iov = &sendIovs_[index];
      send_[index].msg_hdr.msg_iovlen = 1;
      send_[index].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    }
  }

  [[noreturn]] void run(std::unordered_map<uint32_t, Speaker> &speakers) {
    for (;;) {
      if (!isBatched_) {
        forward(speakers, received_[0], recv(socket_, received_[0], SLOT, 0));
        continue;
      }
      int count = recvmmsg(socket_, receive_, RECEIVE_BATCH, MSG_WAITFORONE, nullptr);
      for (int index = 0; index < count; index++) forward(speakers, received_[index], receive_[index].msg_len);
      flush();
    }
  }

 private:
  void forward(std::unordered_map<uint32_t, Speaker> &speakers, unsigned char *packet, ssize_t length) {
    if (length < HEADER + TAG + NONCE) return;
    uint32_t ssrc;
    memcpy(&ssrc, packet + 8, sizeof ssrc);
    auto found = speakers.find(ntohl(ssrc));
    if (found == speakers.end()) return;
    unsigned char nonce[12] = {};
    memcpy(nonce, packet + length - NONCE, NONCE);
    unsigned long long body = length - HEADER - NONCE;
    unsigned char *payload = packet + HEADER;
    if (open_(payload, nullptr, nullptr, payload, body, packet, HEADER, nonce, &found->second.state) != 0) return;
    for (Listener &listener : found->second.listeners) copy(listener, packet, body - TAG);
  }

  void copy(Listener &listener, const unsigned char *packet, unsigned long long payload) {
    unsigned char *out = unsent_[queued_];
    unsigned char nonce[12] = {};
    uint32_t counter = htonl(listener.counter++);
    memcpy(nonce, &counter, NONCE);
    memcpy(out, packet, HEADER);
    seal(out + HEADER, nullptr, packet + HEADER, payload, out, HEADER, nullptr, nonce, &listener.state);
    memcpy(out + HEADER + payload + TAG, &counter, NONCE);
    size_t length = HEADER + payload + TAG + NONCE;
    auto address = reinterpret_cast<sockaddr *>(&listener.address);
    if (!isBatched_) {
      sendto(socket_, out, length, MSG_DONTWAIT, address, sizeof listener.address);
      return;
    }
    sendIovs_[queued_].iov_len = length;
    send_[queued_].msg_hdr.msg_name = address;
    if (++queued_ == SEND_BATCH) flush();
  }

  void flush() {
    for (int first = 0; first < queued_;) {
      int taken = sendmmsg(socket_, send_ + first, queued_ - first, MSG_DONTWAIT);
      first += taken > 0 ? taken : 1;
    }
    queued_ = 0;
  }

  int socket_;
  bool isBatched_;
  int queued_ = 0;
  unsigned char received_[RECEIVE_BATCH][SLOT];
  unsigned char unsent_[SEND_BATCH][SLOT];
  iovec receiveIovs_[RECEIVE_BATCH];
  iovec sendIovs_[SEND_BATCH];
  mmsghdr receive_[RECEIVE_BATCH];
  mmsghdr send_[SEND_BATCH];
};

}  // namespace

int main(int count, char **arguments) {
  if (count != 2 || !loadSodium()) return 4;
  int socket = openSocket();
  auto speakers = readSpeakers();
  printf("ready\n");
  fflush(stdout);
  std::thread([] {
    while (getchar() != EOF) continue;
    _exit(0);
  }).detach();
  static Forwarder forwarder(socket, strcmp(arguments[1], "sendmmsg") == 0);
  forwarder.run(speakers);
}
