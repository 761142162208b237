// SPDX-License-Identifier: MIT
/* Leaks kernel memory, in five ways that tools see differently.
 *
 *     kmalloc   lost  ----X   [object]        SUnreclaim; kmemleak finds it
 *     vmalloc   lost  ----X   [area]          VmallocUsed; kmemleak finds it
 *     pages     lost  ----X   [page]          no field of meminfo; kmemleak never knew of it
 *     kept      list  ------> [object]        SUnreclaim; kmemleak takes it for used
 *     stale     diary ------> [object]        the same: an old number looks like a pointer
 *
 * insmod kleak.ko kmalloc_kb=64 times=16 interval_ms=1000 leaks 64 KiB a second, 16 times; without
 * interval_ms all at once. `echo 3 > /sys/module/kleak/parameters/step` leaks three more events.
 * rmmod frees nothing of it: no process and no module owns this memory, it lasts until a reboot.
 * The guest's memory is its only cap. It is meant for `memlab kernel`, and for no other machine.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

static unsigned long kmalloc_kb, vmalloc_kb, pages_kb, kept_kb, stale_kb; /* of one event */
module_param(kmalloc_kb, ulong, 0444);
module_param(vmalloc_kb, ulong, 0444);
module_param(pages_kb, ulong, 0444);
module_param(kept_kb, ulong, 0444);
module_param(stale_kb, ulong, 0444);

static unsigned int size = 1024; /* bytes of an object: kmalloc, kept, stale */
module_param(size, uint, 0444);
static unsigned int times = 1, interval_ms;
module_param(times, uint, 0444);
module_param(interval_ms, uint, 0444);
static bool dirty; /* fresh objects hold what was in them before: addresses of others, perhaps */
module_param(dirty, bool, 0444);

static unsigned long events; /* the ledger: events so far */
module_param(events, ulong, 0444);
static unsigned long refused; /* requests that the kernel did not grant */
module_param(refused, ulong, 0444);

static DEFINE_MUTEX(leaking);
static LIST_HEAD(kept);
static unsigned long *diary; /* addresses as numbers, which nobody will read again */
static unsigned long written, room;

#define DIARY (64 * 1024)

static noinline void *leak_kmalloc(void)
{
	return kmalloc(size, dirty ? GFP_KERNEL : GFP_KERNEL | __GFP_ZERO);
}

static noinline void *leak_kept(void)
{
	struct list_head *object = kzalloc(size, GFP_KERNEL);

	if (object)
		list_add(object, &kept);
	return object;
}

static noinline void *leak_stale(void)
{
	void *object = kzalloc(size, GFP_KERNEL);

	if (object && written < room)
		diary[written++] = (unsigned long)object;
	return object;
}

static noinline void *leak_vmalloc(void)
{
	void *area = vmalloc(4 * PAGE_SIZE);

	if (area)
		memset(area, 0, 4 * PAGE_SIZE);
	return area;
}

static noinline void *leak_pages(void)
{
	return alloc_pages(GFP_KERNEL | __GFP_ZERO, 0);
}

static void repeat(void *(*leak)(void), unsigned long kb, unsigned long unit)
{
	unsigned long n;

	for (n = kb * 1024 / unit; n; n--) {
		if (!leak()) {
			refused++;
			return;
		}
		cond_resched();
	}
}

static void one_event(void)
{
	mutex_lock(&leaking);
	repeat(leak_kmalloc, kmalloc_kb, size);
	repeat(leak_kept, kept_kb, size);
	repeat(leak_stale, stale_kb, size);
	repeat(leak_vmalloc, vmalloc_kb, 4 * PAGE_SIZE);
	repeat(leak_pages, pages_kb, PAGE_SIZE);
	events++;
	mutex_unlock(&leaking);
}

static void on_time(struct work_struct *work);
static DECLARE_DELAYED_WORK(clock, on_time);

static void on_time(struct work_struct *work)
{
	one_event();
	if (events < times)
		schedule_delayed_work(&clock, msecs_to_jiffies(interval_ms));
}

static int step_set(const char *text, const struct kernel_param *param)
{
	unsigned int n;
	int error = kstrtouint(text, 0, &n);

	if (error)
		return error;
	while (n--)
		one_event();
	return 0;
}

static const struct kernel_param_ops step_ops = { .set = step_set };
module_param_cb(step, &step_ops, NULL, 0200);

static int __init kleak_init(void)
{
	if (size < sizeof(struct list_head) || size > KMALLOC_MAX_SIZE)
		return -EINVAL;
	if (stale_kb) {
		room = DIARY;
		diary = kcalloc(room, sizeof(*diary), GFP_KERNEL);
		if (!diary)
			return -ENOMEM;
	}
	if (interval_ms && times)
		schedule_delayed_work(&clock, 0);
	else
		while (events < times)
			one_event();
	pr_info("kleak: loaded\n");
	return 0;
}

static void __exit kleak_exit(void)
{
	cancel_delayed_work_sync(&clock);
	pr_info("kleak: gone after %lu events, and nothing was freed\n", events);
}

module_init(kleak_init);
module_exit(kleak_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("leaks kernel memory on purpose, for memlab's guest");
