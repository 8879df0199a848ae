"""A stock client that logs for some seconds.

Run as: python stock_sender.py PORT SECONDS RATE NAME. RATE is in records a
second; 0: as fast as it can. Says how many records it has logged, in how many
seconds, and how long the longest of the calls took.
"""

import logging
import logging.handlers
import sys
import time


def main() -> None:
    port, seconds, rate = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    log = logging.getLogger(sys.argv[4])
    log.setLevel(logging.INFO)
    handler = logging.handlers.SocketHandler("127.0.0.1", port)
    log.addHandler(handler)
    longest = 0.0
    count = 0
    began = now = time.perf_counter()
    while now - began < seconds:
        before = now
        log.info("record %d of a stock client", count)
        count += 1
        now = time.perf_counter()
        longest = max(longest, now - before)
        if rate and count > (now - began) * rate:
            time.sleep(began + count / rate - now)
            now = time.perf_counter()
    print(count, now - began, longest)
    handler.close()


if __name__ == "__main__":
    main()
