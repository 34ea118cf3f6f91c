#include "dispatch.h"

#include "instruction_sets.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

namespace seqforecast {

#if SEQFORECAST_X86
namespace avx512 { extern const Kernels<float> kernels; }
namespace avx2 { extern const Kernels<float> kernels; }
#endif
namespace plain { extern const Kernels<float> kernels; }
namespace float64 { extern const Kernels<double> kernels; }

namespace {

std::vector<const Kernels<float>*> supported() {
  std::vector<const Kernels<float>*> found;
#if SEQFORECAST_X86
  __builtin_cpu_init();
  const bool avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    found.push_back(&avx512::kernels);
  if (avx2_fma) found.push_back(&avx2::kernels);
#endif
  found.push_back(&plain::kernels);
  return found;
}

// Flushes denormal numbers on this thread while it lives: a gradient that vanishes fills the
// processor with them, and some processors are many times slower on them.
class FlushDenormals {
 public:
#if SEQFORECAST_X86
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" ::"r"(before_ | (1ull << 24)));
  }
  ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  unsigned long long before_;
#endif
};

// Threads live for one call: none idles beside torch's, and none is lost in a fork. Starting one
// takes some 30 microseconds, so it must have a multiple of that to do.
constexpr double operations_per_thread = 2e7;

void run_all(const Runner& runner, int n, void (*body)(void*, int, int), void* context) {
  std::atomic<int> next{0};
  auto work = [&](int thread) {
    FlushDenormals flush;
    for (int i = next++; i < n; i = next++) body(context, i, thread);
  };
  std::vector<std::thread> others;
  const int threads = std::min(runner.threads, n);
  others.reserve(threads);
  try {
    for (int i = 1; i < threads; i++) others.emplace_back(work, i);
  } catch (const std::system_error&) {
    // No more threads are to be had: those that started do the work.
  }
  work(0);
  for (std::thread& other : others) other.join();
}

}  // namespace

std::vector<std::string> supported_variants() {
  std::vector<std::string> names;
  for (const Kernels<float>* variant : supported()) names.push_back(variant->name);
  return names;
}

template <>
const Kernels<float>* find_variant(const std::string& name) {
  for (const Kernels<float>* variant : supported())
    if (name == variant->name) return variant;
  return nullptr;
}

template <>
const Kernels<double>* find_variant(const std::string& name) {
  return name == float64::kernels.name ? &float64::kernels : nullptr;
}

Runner make_runner(int threads, double operations) {
  const double worth = std::max(1.0, operations / operations_per_thread);
  return {run_all, static_cast<int>(std::min<double>(std::max(threads, 1), worth))};
}

}  // namespace seqforecast
