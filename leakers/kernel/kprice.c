// SPDX-License-Identifier: MIT
/* Measures what an allocation costs here: nanoseconds of one allocate-and-free, the best of some rounds.
 *
 * The results are parameters under /sys/module/kprice/parameters. Load it with kmemleak, slub_debug
 * or page_owner and without: the ratio is their price. It leaks nothing.
 */
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define OBJECTS 256
#define ROUNDS 20

static unsigned long kmalloc_ns, vmalloc_ns, pages_ns;
module_param(kmalloc_ns, ulong, 0444);
module_param(vmalloc_ns, ulong, 0444);
module_param(pages_ns, ulong, 0444);

static void *objects[OBJECTS];

static void *take_kmalloc(void) { return kmalloc(256, GFP_KERNEL); }
static void give_kmalloc(void *object) { kfree(object); }
static void *take_vmalloc(void) { return vmalloc(4 * PAGE_SIZE); }
static void give_vmalloc(void *area) { vfree(area); }
static void *take_page(void) { return alloc_pages(GFP_KERNEL, 0); }
static void give_page(void *page) { if (page) __free_pages(page, 0); }

/* The best round: others on the machine make a round longer, and nothing makes it shorter. */
static unsigned long best(void *(*take)(void), void (*give)(void *), int count)
{
	unsigned long least = ULONG_MAX;
	int round, n;

	for (round = 0; round < ROUNDS; round++) {
		ktime_t begin = ktime_get();
		unsigned long each;

		for (n = 0; n < count; n++)
			objects[n] = take();
		for (n = 0; n < count; n++)
			give(objects[n]);
		each = ktime_to_ns(ktime_sub(ktime_get(), begin)) / count;
		least = min(least, each);
		cond_resched();
	}
	return least;
}

static int __init kprice_init(void)
{
	kmalloc_ns = best(take_kmalloc, give_kmalloc, OBJECTS);
	vmalloc_ns = best(take_vmalloc, give_vmalloc, 64);
	pages_ns = best(take_page, give_page, OBJECTS);
	return 0;
}

static void __exit kprice_exit(void)
{
}

module_init(kprice_init);
module_exit(kprice_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("measures what an allocation costs, for memlab's guest");
