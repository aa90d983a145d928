"""From a Publii site to posts in clean text. All that leaves this folder is `Post`."""
