// The calls to the machine that holds the debugger, or to the emulator: for the example's arguments,
// its output, its end and, *only in this example*, its randomness.
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

// Prints.
void semihosting_print(const char *text, size_t length);
// The command line; the program's name is its first word. Returns 0, or anything else if it does not fit.
int semihosting_command_line(char *out, size_t capacity);
// Fills `out` from the file `name`; returns 0 if it could.
int semihosting_read_file(const char *name, uint8_t *out, size_t length);
// Ends the program.
_Noreturn void semihosting_exit(int code);

#endif
