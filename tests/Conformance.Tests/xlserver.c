/*
 * xlserver.c - preloaded into Debian's real xl, it runs xl's own main() once for each job that it reads,
 * in a forked child, without a hypervisor. Only the calls that would touch Xen or xenstore are stood in for;
 * all parsing is xl's and libxlutil's own.
 *
 *   cc -O2 -Wall -shared -fPIC -o xlserver.so xlserver.c -ldl
 *
 * A job on standard input: the number of arguments, then each argument; guest.cfg; xl.conf. A result on standard
 * output: the exit status (or minus the signal), then standard output and standard error. Numbers are 32 bits in the
 * machine's order; a text is its length and its bytes, and length -1 means that there is no such file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int main_fn(int, char **, char **);

static main_fn *xl_main;
static char handle; /* any address that is not NULL will do */

/* ---- what xl would ask of Xen ---- */

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags) { return &handle; }
int xc_interface_close(void *xch) { return 0; }
int xc_get_max_cpus(void *xch) { return 128; } /* more than a test names */
int xc_get_max_nodes(void *xch) { return 1; }
int xc_domain_getinfolist(void *xch, uint32_t first, unsigned max, void *info) { return 0; }

void *xs_open(unsigned long flags) { return &handle; }
void xs_close(void *xsh) { }
void *xs_read(void *xsh, uint32_t transaction, const char *path, unsigned *length)
{
    errno = ENOENT;
    return NULL;
}

const void *libxl_get_version_info(void *ctx) { return NULL; }
int libxl_get_physinfo(void *ctx, void *physinfo) { return 0; }

int libxl_read_file_contents(void *ctx, const char *path, void **data, int *length)
{
    int (*real)(void *, const char *, void **, int *) = dlsym(RTLD_NEXT, "libxl_read_file_contents");

    return real(ctx, strcmp(path, "/etc/xen/xl.conf") ? path : "xl.conf", data, length);
}

/* ---- jobs ---- */

static int read_all(void *to, size_t length)
{
    char *p = to;

    while (length) {
        ssize_t got = read(0, p, length);
        if (got <= 0)
            return 0;
        p += got;
        length -= got;
    }
    return 1;
}

static void write_all(const void *from, size_t length)
{
    const char *p = from;

    while (length) {
        ssize_t put = write(1, p, length);
        if (put < 0)
            _exit(3);
        p += put;
        length -= put;
    }
}

static int read_text(char **text, int32_t *length)
{
    if (!read_all(length, sizeof *length))
        return 0;
    *text = NULL;
    if (*length < 0)
        return 1;
    *text = malloc(*length + 1);
    if (!*text || !read_all(*text, *length))
        return 0;
    (*text)[*length] = 0;
    return 1;
}

static int read_file(const char *name)
{
    char *text;
    int32_t length;

    if (!read_text(&text, &length))
        return 0;
    unlink(name);
    if (length >= 0) {
        FILE *f = fopen(name, "w");
        if (!f || fwrite(text, 1, length, f) != (size_t)length || fclose(f))
            _exit(3);
    }
    free(text);
    return 1;
}

static void send_file(int fd)
{
    int32_t length = lseek(fd, 0, SEEK_END);
    char *text = malloc(length + 1);

    if (pread(fd, text, length, 0) != length)
        _exit(3);
    write_all(&length, sizeof length);
    write_all(text, length);
    free(text);
    close(fd);
}

static int serve(int argc, char **argv, char **envp)
{
    int32_t count, i, length;

    while (read_all(&count, sizeof count)) {
        char **args = calloc(count + 2, sizeof *args);
        int out = memfd_create("out", 0), err = memfd_create("err", 0), status;
        pid_t child;

        args[0] = "xl";
        for (i = 0; i < count; i++)
            if (!read_text(&args[i + 1], &length))
                return 3;
        if (!read_file("guest.cfg") || !read_file("xl.conf"))
            return 3;

        child = fork();
        if (child < 0)
            return 3;
        if (!child) {
            int null = open("/dev/null", O_RDONLY);
            dup2(null, 0);
            dup2(out, 1);
            dup2(err, 2);
            exit(xl_main(count + 1, args, envp));
        }

        if (waitpid(child, &status, 0) != child)
            return 3;
        status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        write_all(&status, sizeof status);
        send_file(out);
        send_file(err);
        for (i = 0; i < count; i++)
            free(args[i + 1]);
        free(args);
    }
    return 0;
}

int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *end)
{
    int (*real)(main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *) =
        dlsym(RTLD_NEXT, "__libc_start_main");

    xl_main = main;
    return real(serve, argc, argv, init, fini, rtld_fini, end);
}
