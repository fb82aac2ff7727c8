/* SPDX-License-Identifier: BSL-1.0 */
/* A main() for fuzz targets that are built without libFuzzer: runs the target over every file of
 * the files and folders given and prints a TAP line for each of them. `make check` calls it. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool run_file(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    bool good = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);
    size_t size = good ? (size_t)status.st_size : 0;
    /* Exactly as many bytes as the file has, so that a sanitizer sees reads behind them. */
    uint8_t *data = malloc(size ? size : 1);
    good = good && data && fread(data, 1, size, file) == size;
    fclose(file);
    if (good)
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return good;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Runs all files of a folder. Returns how many, or -1: it cannot be read, or one of them cannot. */
static int run_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, alphasort);
    bool good = count >= 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (length < 0 || (size_t)length >= sizeof path || !run_file(path)) {
            printf("# cannot read %s/%s\n", folder, entries[i]->d_name);
            good = false;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return good ? count : -1;
}

int main(int argc, char **argv)
{
    bool all_good = argc > 1;
    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        struct stat status;
        bool is_folder = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
        int count = is_folder ? run_folder(argv[i]) : run_file(argv[i]) ? 1 : -1;
        bool good = count > 0;
        printf("%s %d - %s: %s%d inputs\n", good ? "ok" : "not ok", i, argv[i],
               count < 0 ? "cannot be read, " : "", count > 0 ? count : 0);
        fflush(stdout);
        all_good = all_good && good;
    }
    if (argc < 2)
        fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
    return all_good ? 0 : 1;
}
