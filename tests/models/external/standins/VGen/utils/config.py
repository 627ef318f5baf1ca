import argparse

import yaml


class Config:
    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--cfg", dest="cfg_file", default="configs/t2v_infer.yaml")
        parser.add_argument("--debug", action="store_true", default=False)
        parser.add_argument("opts", default=None, nargs=argparse.REMAINDER)
        args = parser.parse_args()
        with open(args.cfg_file) as file:
            self.cfg_dict = yaml.safe_load(file)
        assert len(args.opts) % 2 == 0
        self.cfg_dict.update(zip(args.opts[0::2], args.opts[1::2], strict=True))  # texts all of them
        self.cfg_dict.update(vars(args))
        self.TASK_TYPE = self.cfg_dict["TASK_TYPE"]
