/* Preloaded into a program: a wall clock of its own, that jumps.
 *
 *   cc -shared -fPIC -o wall_clock.so wall_clock.c
 *   WALL_CLOCK_FILE=FILE LD_PRELOAD=.../wall_clock.so PROGRAM
 *
 * The first eight bytes of FILE, in the machine's order, are the nanoseconds by which the program's
 * wall clock is ahead; they may change while it runs. Waits until a moment of the wall clock end when
 * that clock shows it, also when it was set meanwhile: so does the kernel when somebody sets the clock
 * of the machine. The monotonic clock stays as it is, and so does everybody else's.
 *
 * libfaketime does not do: futexes that wait by the wall clock, which abseil's mutexes do, would wait
 * by the real one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t kSecond = 1000000000;
static const int64_t kSlice = 200000000; /* How late a jump may be noticed by who waits. */

static const int64_t no_offset;
static const volatile int64_t *offset = &no_offset;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static long (*real_syscall)(long, ...);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("WALL_CLOCK_FILE");
  real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  if (path == NULL) return;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) abort();
  void *map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) abort();
  close(fd);
  offset = map;
}

static int64_t nanos(const struct timespec *time) { return time->tv_sec * kSecond + time->tv_nsec; }

static struct timespec timespec_of(int64_t value) {
  struct timespec result = {value / kSecond, value % kSecond};
  if (result.tv_nsec < 0) {
    --result.tv_sec;
    result.tv_nsec += kSecond;
  }
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (real_clock_gettime == NULL) begin();
  int result = real_clock_gettime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    *time = timespec_of(nanos(time) + *offset);
  }
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}

/* A wait until `deadline` of our clock, in slices by the real one. */
static long wait_until(long number, long address, long op, long value,
                       const struct timespec *deadline, long second, long bits) {
  for (;;) {
    struct timespec now;
    real_clock_gettime(CLOCK_REALTIME, &now);
    const int64_t wanted = nanos(deadline) - *offset;
    const int64_t slice = nanos(&now) + kSlice;
    const int last = wanted <= slice;
    const struct timespec until = timespec_of(last ? wanted : slice);
    const long result = real_syscall(number, address, op, value, &until, second, bits);
    if (result == 0 || errno != ETIMEDOUT || last) return result;
  }
}

long syscall(long number, ...) {
  long a[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; ++i) a[i] = va_arg(arguments, long);
  va_end(arguments);
  if (real_syscall == NULL) begin();
  if (number == SYS_clock_gettime) {
    return clock_gettime((clockid_t)a[0], (struct timespec *)a[1]);
  }
  const struct timespec *deadline = (const struct timespec *)a[3];
  const int waits = (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
  if (number == SYS_futex && waits && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && deadline != NULL) {
    return wait_until(number, a[0], a[1], a[2], deadline, a[4], a[5]);
  }
  return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
