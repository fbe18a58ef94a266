// Semihosting for Arm, https://github.com/ARM-software/abi-aa/blob/main/semihosting/semihosting.rst
#include "semihosting.h"

#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
    OPEN_READ = 1,
    OPEN_WRITE = 4,
    STOPPED_APPLICATION_EXIT = 0x20026,
};

static intptr_t call(uintptr_t operation, const void *arguments) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (intptr_t)r0;
}

static intptr_t open_file(const char *name, uintptr_t mode) {
    uintptr_t arguments[] = {(uintptr_t)name, mode, strlen(name)};
    return call(SYS_OPEN, arguments);
}

void semihosting_print(const char *text, size_t length) {
    static intptr_t console = -1;
    if (console < 0) {
        console = open_file(":tt", OPEN_WRITE);
    }
    uintptr_t arguments[] = {(uintptr_t)console, (uintptr_t)text, length};
    call(SYS_WRITE, arguments);
}

int semihosting_command_line(char *out, size_t capacity) {
    uintptr_t arguments[] = {(uintptr_t)out, capacity};
    return call(SYS_GET_CMDLINE, arguments) != 0;
}

int semihosting_read_file(const char *name, uint8_t *out, size_t length) {
    intptr_t file = open_file(name, OPEN_READ);
    if (file < 0) {
        return -1;
    }
    uintptr_t arguments[] = {(uintptr_t)file, (uintptr_t)out, length};
    intptr_t left = call(SYS_READ, arguments);
    uintptr_t handle = (uintptr_t)file;
    call(SYS_CLOSE, &handle);
    return left == 0 ? 0 : -1;
}

_Noreturn void semihosting_exit(int code) {
    uintptr_t arguments[] = {STOPPED_APPLICATION_EXIT, (uintptr_t)code};
    call(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}
