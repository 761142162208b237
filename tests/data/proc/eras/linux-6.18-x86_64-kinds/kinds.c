#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static char *map(size_t size, int flags) { return mmap(0, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0); }
int main(void) {
    const size_t mib = 1 << 20;
    char *plain = map(mib, MAP_PRIVATE); memset(plain, 1, mib);
    char *swapped = map(2 * mib, MAP_PRIVATE); for (size_t i = 0; i < 2 * mib; i += 4096) swapped[i] = i >> 12, swapped[i+1] = 7;
    char *shared = map(mib, MAP_SHARED); memset(shared, 3, mib);
    char *huge = map(8 * mib, MAP_PRIVATE); madvise(huge, 8 * mib, MADV_HUGEPAGE);
    for (size_t i = 0; i < 5 * mib; i += 4096) huge[i] = 1;
    char *same = map(mib, MAP_PRIVATE); memset(same, 9, mib); madvise(same, mib, MADV_MERGEABLE);
    char *tlb = map(4 * mib, MAP_PRIVATE | MAP_HUGETLB); if (tlb != MAP_FAILED) memset(tlb, 4, 4 * mib);
    char *lazy = map(mib, MAP_PRIVATE); memset(lazy, 5, mib); madvise(lazy, mib / 2, MADV_FREE);
    char *locked = map(64 * 1024, MAP_PRIVATE); mlock(locked, 64 * 1024);
    int p = madvise(swapped, mib, MADV_PAGEOUT), q = madvise(shared, mib / 2, MADV_PAGEOUT);
    printf("%d %d %d\n", getpid(), p | q, tlb != MAP_FAILED); fflush(stdout);
    pause();
}
