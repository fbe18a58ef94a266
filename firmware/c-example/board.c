// The example on a board, MPS2+ with image AN386 (Cortex-M4F): a serial line to the host, the bundle in
// external memory, and a clock for the moments at which requests leave.
#include "app.h"
#include "semihosting.h"

#include <string.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

// CMSDK APB UARTs.
struct uart {
    volatile uint32_t data, state, control, interrupt, divisor;
};
enum { UART_SENDING = 1, UART_RECEIVED = 2, UART_ENABLE = 3, UART_FASTEST = 16 };

// One line for each session: whoever is at the other end of a serial line cannot hang up and be called
// again, as TCP can.
static struct uart *const lines[] = {(struct uart *)0x40004000, (struct uart *)0x40005000};
enum { LINES = sizeof lines / sizeof lines[0] };

// FPGA I/O: a counter, here of microseconds.
#define COUNTER REGISTER(0x40028018)
#define COUNTER_PRESCALE REGISTER(0x4002801c)
enum { MICROSECOND = 25 - 1 };

// The coprocessors' access, for floating point.
#define CPACR REGISTER(0xe000ed88)

// Time from an answer to the next request.
enum { PACE = 20000 };

// What the stack is filled with, to see how deep it went.
enum { UNTOUCHED = 0x5ca1ab1e };

enum { EXIT_FAULT = 101, EXIT_PANIC = 102, EXIT_ARGUMENTS = 103 };

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[];
extern uint32_t stack_low[], stack_top[];
extern uint8_t ram_free[], ram_end[], sdram_start[], sdram_end[];

static size_t lines_used;
static struct uart *line;
static uint32_t last_answer;

static int32_t uart_connect(void *context) {
    (void)context;
    if (lines_used == LINES) {
        return -1;
    }
    line = lines[lines_used++];
    line->divisor = UART_FASTEST;
    line->control = UART_ENABLE;
    return 0;
}

static ptrdiff_t uart_read(void *context, uint8_t *bytes, size_t capacity) {
    (void)context;
    while (!(line->state & UART_RECEIVED)) {
    }
    size_t count = 0;
    do {
        bytes[count++] = (uint8_t)line->data;
    } while (count < capacity && (line->state & UART_RECEIVED));
    return (ptrdiff_t)count;
}

static ptrdiff_t uart_write(void *context, const uint8_t *bytes, size_t length) {
    (void)context;
    for (size_t i = 0; i < length; i++) {
        while (line->state & UART_SENDING) {
        }
        line->data = bytes[i];
    }
    return (ptrdiff_t)length;
}

static void clock_answered(void *context) {
    (void)context;
    last_answer = COUNTER;
}

static void clock_departure(void *context) {
    (void)context;
    uint32_t due = ((COUNTER - last_answer) / PACE + 1) * PACE;
    while (COUNTER - last_answer < due) {
    }
}

// The board has no generator. A product has one, and starts with none else.
static int32_t fill(void *context, uint8_t *bytes, size_t length) {
    (void)context;
    return semihosting_read_file("/dev/urandom", bytes, length);
}

static uint8_t *sdram_next;

// RAM while there is some, SDRAM then.
static void *memory(size_t length) {
    static uint8_t *ram_next = ram_free;
    length = (length + SUBROSA_ALIGNMENT - 1) & ~(size_t)(SUBROSA_ALIGNMENT - 1);
    uint8_t **next = length <= (size_t)(ram_end - ram_next) ? &ram_next : &sdram_next;
    if (next == &sdram_next && length > (size_t)(sdram_end - sdram_next)) {
        return NULL;
    }
    uint8_t *first = *next;
    *next += length;
    return first;
}

// The bundle is at the beginning of SDRAM, and says its length itself (kernel/src/bundle.rs).
static size_t bundle_length(void) {
    uint32_t length;
    memcpy(&length, sdram_start + 16, sizeof length);
    size_t most = (size_t)(sdram_end - sdram_start);
    return length < most ? length : most;
}

static void print_stack(void) {
    const uint32_t *deepest = stack_low;
    while (deepest < stack_top && *deepest == UNTOUCHED) {
        deepest++;
    }
    char text[] = "stack 000000\n";
    size_t bytes = (size_t)((const uint8_t *)stack_top - (const uint8_t *)deepest);
    for (int at = 11; bytes > 0 && at > 5; at--, bytes /= 10) {
        text[at] = (char)('0' + bytes % 10);
    }
    semihosting_print(text, sizeof text - 1);
}

void subrosa_panicked(void) {
    static const char text[] = "error: the library panicked\n";
    semihosting_print(text, sizeof text - 1);
    semihosting_exit(EXIT_PANIC);
}

static void fault(void) {
    static const char text[] = "error: a fault of the processor\n";
    semihosting_print(text, sizeof text - 1);
    semihosting_exit(EXIT_FAULT);
}

static void run(void) {
    static char words[256];
    if (semihosting_command_line(words, sizeof words)) {
        semihosting_exit(EXIT_ARGUMENTS);
    }
    const char *arguments = strchr(words, ' ');
    COUNTER_PRESCALE = MICROSECOND;
    size_t length = bundle_length();
    sdram_next = sdram_start + ((length + SUBROSA_ALIGNMENT - 1) & ~(size_t)(SUBROSA_ALIGNMENT - 1));
    struct app app = {
        .bundle = sdram_start,
        .bundle_length = length,
        .link = {.connect = uart_connect,
                 .read = uart_read,
                 .write = uart_write,
                 .departure = clock_departure,
                 .answered = clock_answered},
        .entropy = {.fill = fill},
        .memory = memory,
        .print = semihosting_print,
    };
    int status = app_run(&app, arguments ? arguments + 1 : "");
    print_stack();
    semihosting_exit(status);
}

// The first instructions: nothing has a value yet.
_Noreturn void reset(void) {
    CPACR |= 0xfu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
    uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end;) {
        *to++ = 0;
    }
    uint32_t *here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    for (volatile uint32_t *to = stack_low; to < here;) {
        *to++ = UNTOUCHED;
    }
    run();
    semihosting_exit(0);
}

// The stack, the first instructions, and what happens when something goes wrong.
struct vectors {
    const void *stack;
    void (*handlers[15])(void);
};
__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    stack_top, {reset, fault, fault, fault, fault, fault},
};
