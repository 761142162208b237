/* Makes threads when told: `stacks GUARD SIZE exit|run|join`; a line "N" on stdin makes N of them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void *ends(void *nothing) { return nothing; }

static void *waits(void *nothing) {
	for (;;)
		pause();
	return nothing;
}

static void must(int error, const char *what) {
	if (error) {
		fprintf(stderr, "%s: %s\n", what, strerror(error));
		exit(1);
	}
}

int main(int count, char **word) {
	struct rlimit most = {2UL << 30, 2UL << 30};
	pthread_attr_t how;
	int asked;

	if (count != 4 || setrlimit(RLIMIT_AS, &most))
		return 2;
	must(pthread_attr_init(&how), "init");
	must(pthread_attr_setguardsize(&how, strtoul(word[1], 0, 10)), "guard size");
	must(pthread_attr_setstacksize(&how, strtoul(word[2], 0, 10)), "stack size");
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (scanf("%d", &asked) == 1) {
		pthread_t made[64];
		for (int n = 0; n < asked && n < 64; n++)
			must(pthread_create(&made[n], &how, word[3][0] == 'r' ? waits : ends, 0), "thread");
		for (int n = 0; word[3][0] == 'j' && n < asked; n++)
			must(pthread_join(made[n], 0), "join");
		puts("done");
	}
	return 0;
}
