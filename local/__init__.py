"""The local AWS: one process on the loopback interface that runs the whole system without an account.

`aws/` changes the emulator's services, one file per service. `emulator/` loads the emulator, `durable/` keeps its data
through a crash, `stack/` builds, deploys and uses the stack, and `watch/` records calls or lets them fail. At the top
are the command line (`cli`), the process of ``make run`` (`run`), the door to it (`front`), and what all folders use
(`settings`, `progress`). Imports go one way: `aws` imports `emulator`; `watch` imports `emulator` and `aws`; `durable`
imports `emulator` and `stack`; `run` and `cli` bring all of them together.
"""
