/*
 * xlubench.c - the speed of libxlutil's own parser: for each file named, the least nanoseconds that one parse took.
 *
 *   cc -O2 -o xlubench xlubench.c …/libxlutil.so.4.17
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct XLU_Config XLU_Config;
XLU_Config *xlu_cfg_init(FILE *report, const char *source);
int xlu_cfg_readdata(XLU_Config *config, const char *data, int length);
void xlu_cfg_destroy(XLU_Config *config);

static long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

int main(int argc, char **argv)
{
    FILE *report = fopen("/dev/null", "w");
    int rounds = atoi(argv[1]), i, round, k;

    for (i = 2; i < argc; i++) {
        FILE *f = fopen(argv[i], "r");
        char *data = malloc(1 << 21);
        int length = f ? fread(data, 1, 1 << 21, f) : 0;
        long best = -1;

        if (f)
            fclose(f);
        for (round = 0; round < rounds; round++) {
            long start = now(), took;

            for (k = 0; k < 20; k++) {
                XLU_Config *config = xlu_cfg_init(report, "guest.cfg");
                xlu_cfg_readdata(config, data, length);
                xlu_cfg_destroy(config);
            }
            took = (now() - start) / 20;
            if (best < 0 || took < best)
                best = took;
        }
        printf("%ld\n", best);
        free(data);
    }
    return 0;
}
