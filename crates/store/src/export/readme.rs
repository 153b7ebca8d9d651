//! What stands in front of an export, for whoever opens it.

use std::str::FromStr;

use crate::VaultError;

/// In which language the README is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English and Chinese.
    #[default]
    Both,
    /// `en`.
    English,
    /// `zh`.
    Chinese,
}

impl FromStr for Language {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        match text {
            "en" => Ok(Self::English),
            "zh" => Ok(Self::Chinese),
            _ => Err(VaultError::invalid("lang", "must be `en` or `zh`; leave it out for both")),
        }
    }
}

impl Language {
    pub(super) fn texts(self) -> Vec<(&'static str, &'static str)> {
        let (english, chinese) = (("README.en.txt", ENGLISH), ("README.zh.txt", CHINESE));
        match self {
            Self::Both => vec![english, chinese],
            Self::English => vec![english],
            Self::Chinese => vec![chinese],
        }
    }
}

const ENGLISH: &str = "\
Your data

This archive holds everything that is stored about you.

person.json              who you are here: user id, region, whom you blocked, what you switched off, how much is stored
consents.json            every consent you gave or withdrew, and when
requests.json            what you asked for under your rights, by when an answer is due, and the answers
credentials/steam.json   your platform accounts: which fields are stored, when, and what they were used for
saves/NUMBER/slot.json   one slot of a game: its name, and its versions, newest first
saves/NUMBER/VERSION     the saved game of that version, byte for byte as it was stored
chats/NUMBER/chat.json   one conversation: with whom, and its pages
chats/NUMBER/messages-*  its messages as you see them, newest first; what is no text stands in a file of its own
records/NUMBER/          what else is recorded: `purpose.json` says for which purpose, and what each file is
manifest.json            path, length and SHA-256 of every file here

What is not here: passwords, tokens and secrets of your platform accounts. They are kept for signing in alone and are never shown, so that nobody
who gets hold of this archive gets hold of your accounts. Orders of courts and authorities to keep something are not shown here either. Who looked at
your data is recorded apart: ask for it.

Times are in UTC. What you deleted before this archive was made is not in it, also where the law wants it kept for a while. Whoever wrote to you and was deleted since has no name here.
Keep this archive safe: it is not encrypted.
";

const CHINESE: &str = "\
您的数据

此压缩包包含我们存储的关于您的全部数据。

person.json              您的基本信息：用户 ID、所在区域、您屏蔽的用户、您关闭的功能，以及存储量
consents.json            您给予或撤回的每一项同意及其时间
requests.json            您依法提出的请求、答复期限以及答复
credentials/steam.json   您的平台账号：存储了哪些字段、存储时间，以及用于何处
saves/编号/slot.json     游戏的一个存档位：名称及其各个版本，最新的在前
saves/编号/版本号        该版本的存档，与存入时逐字节一致
chats/编号/chat.json     一个会话：对方是谁，以及消息所在的文件
chats/编号/messages-*    您所看到的消息，最新的在前；非文本内容另存为单独的文件
records/编号/            其他记录：purpose.json 说明其用途以及各文件的内容
manifest.json            此处每个文件的路径、长度和 SHA-256 校验值

不包含的内容：您的平台账号的密码、令牌和密钥。它们仅用于登录，从不对外显示；即使有人拿到此压缩包，也无法
取得您的账号。法院或主管机关要求保留数据的命令也不在此显示。谁查看过您的
数据另有审计记录，您可以另行申请。

所有时间均为协调世界时（UTC）。您在生成此压缩包之前删除的内容不在其中，包括依法仍须保留一段时间的内容。给您写过消息但其后已注销的用户在此不再显示
名称。请妥善保管此压缩包：它没有加密。
";
